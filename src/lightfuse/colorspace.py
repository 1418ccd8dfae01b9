"""RGB pictures as arrays: the check of their shape and type, the sRGB transfer function, luma and luminance."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import PictureError

PIXEL_TYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
"""What the values of a picture may be: integers over their full range, or floats in [0, 1]."""

Floats = TypeVar("Floats", bound=NDArray[np.floating[Any]])

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Weights of gamma-encoded R, G and B in luma (ITU-R BT.601)."""

LUMINANCE_WEIGHTS = (0.2126, 0.7152, 0.0722)
"""Weights of linear R, G and B in luminance (ITU-R BT.709, whose primaries are sRGB's)."""


def full_scale(dtype: np.dtype[Any]) -> float:
    """Return the value that stands for 1 in pictures of a type: 255, 65535, or 1.0 for floats."""
    return 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)


def rgb_problem(picture: object) -> str | None:
    """Return what is wrong with an RGB picture (H×W×3 of `PIXEL_TYPES`, not empty); None where nothing is.

    The text completes a sentence that starts with what the picture is called, such as "a frame".
    """
    if not isinstance(picture, np.ndarray) or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        kind = f"an array of shape {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        return f"must be an RGB array of shape height × width × 3, not {kind}"
    if picture.dtype not in PIXEL_TYPES:
        return f"must be uint8, uint16 or float32, not {picture.dtype}; convert it first"
    return None


def check_picture(picture: NDArray[Any], name: str = "a picture") -> None:
    """Raise PictureError unless it is an RGB picture of a supported dtype."""
    if problem := rgb_problem(picture):
        raise PictureError(f"{name} {problem}")


def check_pictures(pictures: Sequence[NDArray[Any]], names: Sequence[str] | None = None) -> None:
    """Raise PictureError, by these names, unless all are RGB pictures of one size and one supported dtype."""
    names = names or [f"picture {number}" for number in range(1, len(pictures) + 1)]
    for picture, name in zip(pictures, names, strict=True):
        check_picture(picture, name)
        first = pictures[0]
        if picture.shape != first.shape:
            sizes = [f"{n} is {p.shape[1]}×{p.shape[0]}" for n, p in ((names[0], first), (name, picture))]
            raise PictureError(f"the pictures differ in size: {sizes[0]}, {sizes[1]}; give pictures of one size")
        if picture.dtype != first.dtype:
            types = f"{names[0]} is {first.dtype}, {name} {picture.dtype}"
            raise PictureError(f"the pictures differ in type: {types}; convert them to one")


def srgb_to_linear(values: Floats) -> Floats:
    """Decode sRGB values in [0, 1] to linear light in [0, 1] (IEC 61966-2-1); same shape and float type."""
    # Negative values are clipped inside the power only, so that the linear part continues below zero.
    curve = ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4
    return np.where(values <= 0.04045, values / 12.92, curve)  # type: ignore[return-value]


def linear_to_srgb(light: Floats) -> Floats:
    """Encode linear light in [0, 1] as sRGB values in [0, 1] (IEC 61966-2-1); same shape and float type."""
    curve = 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(light <= 0.0031308, 12.92 * light, curve)  # type: ignore[return-value]


def luma(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return BT.601 luma, H×W float32 in [0, 1], of an H×W×3 float32 picture in [0, 1]."""
    weighted: NDArray[np.float32] = picture @ np.array(LUMA_WEIGHTS, dtype=np.float32)
    return weighted
