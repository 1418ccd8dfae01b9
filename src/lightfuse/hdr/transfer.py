"""Between a picture's values and linear light: the sRGB curve and tables of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float32]
Light = NDArray[np.float32]
"""Linear light, H×W×3 float32, all values ≥ 0."""

LUMINANCE = np.array([[0.2126, 0.7152, 0.0722]], np.float32)
"""Weights of linear R, G, B in luminance (ITU-R BT.709, the primaries of sRGB)."""


def decode_srgb(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """SRGB values in [0, 1] to linear light in [0, 1] (IEC 61966-2-1)."""
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4)


def steps_of(dtype: np.dtype[Any]) -> int:
    """How many values a table for pictures of a dtype has: 256 for uint8, 65,536 for uint16 and float32."""
    return 256 if dtype == np.uint8 else 65536


def look_up(picture: Array, table: Floats) -> Floats:
    """The table's entries at a picture's values (uint8; uint16, or float32 in [0, 1] rounded to it): same shape."""
    if picture.dtype == np.uint8:
        import cv2

        found: Floats = cv2.LUT(picture, table)
        return found
    if picture.dtype != np.uint16:
        picture = np.rint(np.clip(picture, 0, 1) * np.float32(65535)).astype(np.uint16)
    return np.take(table, picture, mode="clip")


def luminance(light: Light) -> Floats:
    """BT.709 luminance, H×W, of linear light."""
    import cv2

    plane: Floats = cv2.transform(light, LUMINANCE)
    return plane
