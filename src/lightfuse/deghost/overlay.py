"""A picture of the mask for a person to judge."""

import numpy as np
from numpy.typing import NDArray

from lightfuse.deghost.regions import Mask
from lightfuse.deghost.working import Array, full_scale

_TINT = np.array([255, 0, 170], np.float32)
_STRENGTH = 0.55


def ghost_overlay(frame: Array, mask: Mask | None) -> NDArray[np.uint8]:
    """``frame`` (H×W×3; uint8, uint16 or float32 in [0, 1]) as uint8, magenta where ``mask`` (uint8 H×W) is set."""
    seen = np.clip(frame.astype(np.float32) * np.float32(255 / full_scale(frame.dtype)), 0, 255)
    if mask is not None:
        seen += (_TINT - seen) * (mask.astype(np.float32) * np.float32(_STRENGTH / 255))[..., None]
    return np.asarray(np.round(seen), np.uint8)
