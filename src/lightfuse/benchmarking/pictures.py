"""Pictures to measure on, made on the spot."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightfuse.sample import sample_pair

_TILE_WIDTH, _TILE_HEIGHT = 768, 512


def made_up_pair(width: int, height: int, bits: Literal[8, 16]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Under and over, H×W×3, uint8 or uint16: a sample scene repeated until it fills the size.

    Content hardly matters to the time; a scene with noise keeps encoders and branches honest at small cost.
    """
    under, over = sample_pair(min(width, _TILE_WIDTH), min(height, _TILE_HEIGHT), bits=bits)
    return _filled(under, width, height), _filled(over, width, height)


def three_by_two(megapixels: float) -> tuple[int, int]:
    """Width and height of a 3:2 picture of so many megapixels, to the nearest pixel; 24 gives 6000 × 4000."""
    height = max(1, round((megapixels * 1e6 / 1.5) ** 0.5))
    return max(1, round(height * 1.5)), height


def _filled(tile: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    rows, columns = np.arange(height) % tile.shape[0], np.arange(width) % tile.shape[1]
    wide = tile[:, columns]
    return np.ascontiguousarray(wide[rows])
