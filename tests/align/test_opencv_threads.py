"""OpenCV's number of threads, when several brackets are aligned at a time."""

import cv2
import pytest

from lightfuse.align.threads import opencv_threads


@pytest.fixture(autouse=True)
def five():
    before = cv2.getNumThreads()
    cv2.setNumThreads(5)
    yield
    cv2.setNumThreads(before)


def test_the_number_holds_within_and_is_put_back():
    with opencv_threads(3):
        assert cv2.getNumThreads() == 3
    assert cv2.getNumThreads() == 5


def test_of_two_at_a_time_that_end_in_the_order_they_began_the_last_puts_it_back():
    first, second = opencv_threads(1), opencv_threads(1)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == 1
    second.__exit__(None, None, None)
    assert cv2.getNumThreads() == 5


def test_none_changes_nothing_and_an_error_puts_it_back():
    with opencv_threads(None):
        assert cv2.getNumThreads() == 5
    with pytest.raises(RuntimeError), opencv_threads(2):
        raise RuntimeError
    assert cv2.getNumThreads() == 5
