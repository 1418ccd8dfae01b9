"""Disagreement in values alone, over detail that both frames show alike, is no ghost."""

import numpy as np

from lightfuse.deghost import deghost
from tools.synthetic import sample_pair

BOX = np.s_[180:300, 200:420]


def test_a_place_in_another_light_is_no_ghost() -> None:
    """Part of over is shown much darker and in another colour, as local tone mapping does, with its detail kept."""
    under, over = sample_pair(600, 400)
    other = over.copy()
    other[BOX] = np.round(255 * (other[BOX] / 255.0) ** 2.2 * (1, 0.8, 0.6)).astype(np.uint8)
    assert deghost(under, other, mode="always").mask is not None
    assert deghost(under, other).mask is None


def test_other_detail_in_the_same_place_is_one() -> None:
    under, over = sample_pair(600, 400)
    other = over.copy()
    other[BOX] = np.round(255 * (other[BOX][::-1, ::-1] / 255.0) ** 2.2 * (1, 0.8, 0.6)).astype(np.uint8)
    assert deghost(under, other).mask is not None
