"""The order of a bracket's exposures, and which of them the others follow."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MIDDLE = 0.5


def brightness(picture: NDArray[Any]) -> float:
    """Mean of all values of an H×W×3 uint8, uint16 or float32 picture, in [0, 1]."""
    from lightfuse import core

    _, _, mean, _ = core.measure(picture, threads=1)
    return mean / {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(picture.dtype, 1.0)


def darkest_first(brightnesses: Sequence[float]) -> list[int]:
    """Indices that put exposures in order, dark to bright (the paper's rule: by mean pixel value)."""
    return sorted(range(len(brightnesses)), key=lambda i: brightnesses[i])


def base_exposure(brightnesses: Sequence[float]) -> int:
    """Index of the exposure whose brightness is nearest the middle: its metadata stands for the bracket."""
    return min(range(len(brightnesses)), key=lambda i: abs(brightnesses[i] - MIDDLE))
