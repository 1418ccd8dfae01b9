"""Many pairs of pictures fused one after the other, such as the frames of two videos, in bounded memory."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import PictureError

Array = NDArray[Any]
Fuse = Callable[[Array, Array, Array | None], Array]


def fuse_stream(fuse: Fuse, pairs: Iterable[tuple[Array, Array]]) -> Iterator[Array]:
    """Fuse each pair as it comes and hand out the results in order; see :meth:`lightfuse.Fuser.stream`.

    Nothing is carried from one pair to the next, so that a cut leaves no trace. A still scene stays steady without it:
    what a model knows of the whole scene comes from a thumbnail, whose cells average the sensor's noise away.
    """
    results, number = _Results(), 0
    for pair in pairs:
        number += 1  # noqa: SIM113 (enumerate would keep each pair until the next one is made)
        fused = _fuse_one(fuse, pair, results, number)
        del pair
        yield fused
        del fused


def _fuse_one(fuse: Fuse, pair: tuple[Array, Array], results: "_Results", number: int) -> Array:
    try:
        if len(pair) != 2:
            raise PictureError(f"a pair is two pictures, not {len(pair)}")
        under, over = pair
        return fuse(under, over, results.like(under) if isinstance(under, np.ndarray) else None)
    except PictureError as error:
        raise PictureError(f"pair {number} of the stream: {error}") from None


class _Results:
    """Arrays for results; one that was handed out and that nobody holds any more is written again.

    New memory is dear: the system clears each page when it is first touched. An array is written again only if this
    object is the last that refers to it; its views, and whatever else shares its memory in Python, refer to it too.
    """

    _MOST = 2  # One that a loop still holds while it asks for the next, and that next one.

    def __init__(self) -> None:
        self._arrays: list[Array] = []
        self._unheld = 0

    def like(self, picture: Array) -> Array:
        """An array of a picture's shape and dtype, with anything in it."""
        fitting = [array for array in self._arrays if (array.shape, array.dtype) == (picture.shape, picture.dtype)]
        self._arrays = fitting[-self._MOST :]
        del fitting
        for index in range(len(self._arrays)):
            if self._references(index) == self._unheld:
                return self._arrays[index]
        self._arrays = [*self._arrays[1 - self._MOST :], np.empty(picture.shape, picture.dtype)]
        self._unheld = self._references(-1)
        return self._arrays[-1]

    def _references(self, index: int) -> int:
        return sys.getrefcount(self._arrays[index])
