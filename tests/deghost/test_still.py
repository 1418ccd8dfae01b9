"""The quick way out: pairs in which nothing moved are told at once, and none in which something did."""

import sys

import cv2
import numpy as np
import pytest
from builders.motion import moved, room

from lightfuse.deghost import deghost
from lightfuse.deghost.still import plainly_still
from tools.synthetic import Camera


def photographed(seed, evs, bits=8):
    return [Camera().photograph(room(seed), ev, bits=bits, seed=i) for i, ev in enumerate(evs)]


def enlarged(picture, times):
    return np.ascontiguousarray(cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("evs", "bits"), [((-1, 1), 8), ((-3, 3), 8), ((-3, 3), 16)])
def test_a_still_pair_is_told_at_once(seed, evs, bits, monkeypatch):
    under, over = photographed(seed, evs, bits)
    monkeypatch.setattr(sys.modules[deghost.__module__], "reduced", None)  # The search itself would fail.
    result = deghost(under, over)
    assert result.under is under
    assert result.over is over
    assert result.mask is None


@pytest.mark.parametrize("level", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("places", [((110, 165), (230, 170)), ((110, 165), (114, 165))])
def test_whatever_moved_is_a_doubt(level, bits, places):
    pair = moved(level, bits=bits, places=places)
    assert deghost(pair.under, pair.over, mode="always").mask is not None
    assert not plainly_still(pair.under, pair.over, 1, 2)


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_large_pairs_are_told_from_some_of_their_rows(factor):
    still, pair = photographed(0, (-2, 2)), moved(0.1)
    assert plainly_still(*(enlarged(frame, factor) for frame in still), factor, 2)
    assert not plainly_still(enlarged(pair.under, factor), enlarged(pair.over, factor), factor, 2)


def test_frames_that_share_nothing_are_a_doubt():
    black = np.zeros((60, 80, 3), np.uint8)
    assert not plainly_still(black, black + np.uint8(255), 1, 2)


def test_the_number_of_threads_changes_nothing(monkeypatch):
    pair = moved(0.1)
    found = []
    monkeypatch.setattr("lightfuse.deghost.still._pixels_in_doubt", lambda apart, *_: found.append(apart) or 0)
    for threads in (1, 3):
        plainly_still(pair.under, pair.over, 1, threads)
    np.testing.assert_array_equal(*found)
