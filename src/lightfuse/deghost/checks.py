"""What frames must be before they are compared."""

import os
from typing import Any

import numpy as np

from lightfuse.deghost.working import Array, Floats
from lightfuse.errors import LightFuseError, PictureError

_DTYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32))
_MOST_THREADS = 1024


def check_frames(*frames: Any) -> None:
    """Raise PictureError unless all are RGB pictures (H×W×3) of one size and one of the dtypes fusing knows."""
    for frame in frames:
        if not isinstance(frame, np.ndarray) or frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            kind = f"an array of shape {frame.shape}" if isinstance(frame, np.ndarray) else type(frame).__name__
            raise PictureError(f"a frame must be an RGB array of shape height × width × 3, not {kind}")
        if frame.dtype not in _DTYPES:
            raise PictureError(f"a frame must be uint8, uint16 or float32, not {frame.dtype}; convert it first")
    first = frames[0]
    for frame in frames[1:]:
        if frame.shape != first.shape:
            raise PictureError(
                f"the frames differ in size: {_size(first)} and {_size(frame)}; align or crop them first"
            )
        if frame.dtype != first.dtype:
            raise PictureError(f"the frames differ in type: {first.dtype} and {frame.dtype}; convert one of them")


def check_values(*reduced: Floats) -> None:
    """Raise PictureError where a reduced frame holds what no picture does (any such value spoils its average)."""
    if not all(np.isfinite(frame).all() for frame in reduced):
        raise PictureError("a frame holds NaN or infinite values; replace them before fusing")


def thread_count(threads: int | None) -> int:
    """``threads``, or as many as the cores this process may use."""
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not isinstance(threads, int) or not 1 <= threads <= _MOST_THREADS:
        raise LightFuseError(f"threads must be a whole number from 1 to {_MOST_THREADS}, not {threads}")
    return threads


def _size(frame: Array) -> str:
    return f"{frame.shape[1]}×{frame.shape[0]}"
