"""Gaussian-weighted local means for losses, as products with banded matrices: on a CPU faster than convolutions."""

from functools import lru_cache

import torch
from torch import Tensor

SIZE = 11
SIGMA = 1.5


def window_means(x: Tensor, stride: int = 1) -> Tensor:
    """Means of N×C×H×W, H and W at least 11, over the 11×11 Gaussian window (σ 1.5) at every ``stride``-th place.

    Only windows wholly inside are taken: N×C×⌈(H−10)/stride⌉×⌈(W−10)/stride⌉.
    """
    down, along = (_matrix(side, stride, x.dtype, x.device) for side in x.shape[-2:])
    return down @ x @ along.T


@lru_cache(maxsize=64)
def _matrix(side: int, stride: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    taps = torch.exp(-((torch.arange(SIZE, dtype=torch.float64) - SIZE // 2) ** 2) / (2 * SIGMA**2))
    taps = taps / taps.sum()
    starts = range(0, side - SIZE + 1, stride)
    matrix = torch.zeros(len(starts), side, dtype=torch.float64)
    for row, start in enumerate(starts):
        matrix[row, start : start + SIZE] = taps
    return matrix.to(dtype=dtype, device=device)
