"""OpenCV's number of threads, a setting of the whole process, changed so that brackets side by side can share it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_changing = threading.Lock()
_inside = 0
_before = 0


@contextmanager
def opencv_threads(count: int | None) -> Iterator[None]:
    """Within it OpenCV uses ``count`` threads (None: as many as it did); afterwards as many as before.

    Of several at a time, on threads of this process, the first to enter sets the number and the last to leave puts it
    back: were each to put back what it found, one could leave another's number behind for good.
    """
    if count is None:
        yield
        return
    _enter(count)
    try:
        yield
    finally:
        _leave()


def _enter(count: int) -> None:
    import cv2

    global _inside, _before
    with _changing:
        if _inside == 0:
            _before = cv2.getNumThreads()
            cv2.setNumThreads(count)
        _inside += 1


def _leave() -> None:
    import cv2

    global _inside
    with _changing:
        _inside -= 1
        if _inside == 0:
            cv2.setNumThreads(_before)
