"""Colours converted between ICC profiles by Little CMS (through imagecodecs), in 8 bits, 16 bits and float."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import PictureError
from lightfuse.images.cicp import rgb_profile
from lightfuse.images.container import UnreadableError

if TYPE_CHECKING:
    from lightfuse.images.read import Picture

_RELATIVE_COLORIMETRIC = 1
_NO_OPTIMISATION = 0x100  # What Little CMS would precompute for 16 bits is off by up to 100 of 65,535.
_SAME = 0.5 / 255


def convert_profile(pixels: NDArray[Any], source: bytes | None, target: bytes | None) -> NDArray[Any]:
    """Convert H×W×3 pixels from one ICC profile to another (relative colorimetric); None stands for sRGB.

    Profiles that mean the same within half a level of 8 bits are taken for equal and the pixels returned as they are.

    Args:
        pixels: uint8, uint16 or float32 in [0, 1].
        source: the pixels' profile.
        target: the profile they shall have.

    Returns:
        The same dtype and shape; colours that the target cannot hold are clipped.

    Raises:
        UnreadableError: a profile cannot be used.
    """
    if source == target:
        return pixels
    before, after = source or rgb_profile(), target or rgb_profile()
    try:
        if _agree(before, after):
            return pixels
        converted = transform(pixels, before, after)
    except (RuntimeError, ValueError):
        raise UnreadableError("has a colour profile that cannot be used; convert it to sRGB first") from None
    return np.clip(converted, 0, 1, out=converted) if converted.dtype.kind == "f" else converted


def in_profile(picture: "Picture", icc: bytes | None) -> "Picture":
    """Return a picture converted to an ICC profile (None: sRGB), which its metadata then carries.

    Raises:
        PictureError: its profile or the other one cannot be used.
    """
    try:
        pixels = convert_profile(picture.pixels, picture.metadata.icc, icc)
    except UnreadableError as error:
        raise PictureError(f"{picture.name} {error}") from None
    return replace(picture, pixels=pixels, metadata=replace(picture.metadata, icc=icc))


def transform(pixels: NDArray[Any], source: bytes, target: bytes) -> NDArray[Any]:
    """Convert H×W×3 pixels between two profiles; floats are not clipped. Errors are imagecodecs'."""
    import imagecodecs

    converted: NDArray[Any] = imagecodecs.cms_transform(
        pixels,
        source,
        target,
        colorspace="rgb",
        outcolorspace="rgb",
        intent=_RELATIVE_COLORIMETRIC,
        flags=0 if pixels.dtype == np.uint8 else _NO_OPTIMISATION,
    )
    return converted


def _agree(source: bytes, target: bytes) -> bool:
    """Tell whether two profiles mean the same colours, judged on a coarse grid of them."""
    steps = np.linspace(0, 1, 9, dtype=np.float32)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(1, -1, 3)
    return bool(np.abs(transform(grid, source, target) - grid).max() < _SAME)
