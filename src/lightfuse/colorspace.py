"""The sRGB transfer function, and the weights of luma and luminance: the one place where they are defined."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = TypeVar("Floats", bound=NDArray[np.floating[Any]])

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Weights of gamma-encoded R, G and B in luma (ITU-R BT.601)."""

LUMINANCE_WEIGHTS = (0.2126, 0.7152, 0.0722)
"""Weights of linear R, G and B in luminance (ITU-R BT.709, whose primaries are sRGB's)."""


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
