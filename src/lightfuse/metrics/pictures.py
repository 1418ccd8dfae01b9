"""What the metrics accept and work on: RGB pictures, H×W×3, converted to float32 in [0, 1] or rounded to 8 bits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale, rgb_problem
from lightfuse.errors import PictureError

Picture = NDArray[Any]  # an RGB picture as callers hold it: H×W×3, uint8, uint16, or float in [0, 1]
Floats = NDArray[np.float32]

_ROUNDING_SLACK = 1e-5


def as_unit(picture: Picture, name: str = "picture") -> Floats:
    """Return the picture as float32 in [0, 1], H×W×3; integers are divided by their largest value.

    Raises PictureError, naming the picture `name`, for another shape, another dtype, or floats outside [0, 1].
    """
    picture = np.asarray(picture)
    if np.issubdtype(picture.dtype, np.floating):
        picture = picture.astype(np.float32, copy=False)
    if problem := rgb_problem(picture):
        raise PictureError(f"The {name} {problem}.")
    if picture.dtype != np.float32:
        return picture.astype(np.float32) / np.float32(full_scale(picture.dtype))
    lowest, highest = float(picture.min()), float(picture.max())
    if not (lowest >= -_ROUNDING_SLACK and highest <= 1 + _ROUNDING_SLACK):
        raise PictureError(
            f"The {name} must lie in [0, 1], but spans {lowest:g} to {highest:g}: scale or clip it before measuring."
        )
    return picture.clip(0, 1)


def as_units(*pictures: Picture, names: Sequence[str] = ("result", "reference")) -> list[Floats]:
    """Return pictures as float32 in [0, 1]; raises PictureError, by their names, unless they have one size."""
    units = [as_unit(picture, name) for picture, name in zip(pictures, names, strict=True)]
    for unit, name in zip(units, names, strict=True):
        if unit.shape != units[0].shape:
            raise PictureError(
                f"The {name} is {unit.shape[1]}×{unit.shape[0]} pixels, the {names[0]} "
                f"{units[0].shape[1]}×{units[0].shape[0]}: resize one of them first."
            )
    return units


def to_eight_bits(picture: Picture) -> NDArray[np.uint8]:
    """Round a picture to uint8, halves upwards, as it would be written to an 8-bit file.

    Every figure the project publishes is measured on pictures rounded so. Raises PictureError as `as_unit` does.
    """
    if picture.dtype == np.uint8:
        return picture
    rounded: NDArray[np.uint8] = np.floor(as_unit(picture) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return rounded
