"""What the metrics accept and work on: RGB pictures, H×W×3, converted to float32 in [0, 1] or rounded to 8 bits."""

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


def as_unit_pair(result: Picture, reference: Picture) -> tuple[Floats, Floats]:
    """Return both pictures as float32 in [0, 1]; raises PictureError unless they have one size."""
    first, second = as_unit(result, "result"), as_unit(reference, "reference")
    require_same_size(first, second, "result", "reference")
    return first, second


def require_same_size(picture: NDArray[Any], other: NDArray[Any], name: str, other_name: str) -> None:
    """Raise PictureError unless both, pictures or planes, have one height and width."""
    if picture.shape[:2] != other.shape[:2]:
        raise PictureError(
            f"The {name} is {picture.shape[1]}×{picture.shape[0]} pixels, the {other_name} "
            f"{other.shape[1]}×{other.shape[0]}: resize one of them first."
        )


def to_eight_bits(picture: Picture) -> NDArray[np.uint8]:
    """Round a picture to uint8, halves upwards, as it would be written to an 8-bit file.

    Every figure the project publishes is measured on pictures rounded so. Raises PictureError as `as_unit` does.
    """
    if picture.dtype == np.uint8:
        return picture
    rounded: NDArray[np.uint8] = np.floor(as_unit(picture) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    return rounded
