"""Targets of colour, tone and highlights taken from the whole bracket."""

import numpy as np
import pytest
import torch

from lightfuse.colorspace import luma
from lightfuse.fuser import Fuser
from lightfuse.training.losses import excess_chroma_loss, highlight_loss
from lightfuse.training.soft_reference import best_colours, taught_tone


def flat(*rgb):
    return np.full((64, 96, 3), rgb, np.uint8)


def test_colour_comes_from_the_best_exposed_frame():
    """Orange: nearly black in the darkest frame, one channel clipped in the brightest."""
    orange = best_colours([flat(3, 3, 3), flat(160, 100, 40), flat(255, 220, 100)])[0, 0].astype(float)
    assert orange[0] / orange[1] == pytest.approx(1.6, abs=0.05)
    assert orange[2] / orange[1] == pytest.approx(0.4, abs=0.05)


def test_colour_clipped_in_every_frame_is_that_of_the_darkest():
    colour = best_colours([flat(255, 200, 150), flat(255, 255, 255)])[0, 0].astype(float)
    assert colour[2] / colour[0] == pytest.approx(150 / 255, abs=0.02)


def test_teacher_decides_tone_by_day_and_not_at_night():
    reference, teacher = flat(120, 110, 100), Fuser("small")
    night = taught_tone(reference, [flat(0, 0, 0), flat(40, 40, 40)], teacher)
    assert np.array_equal(night, reference)
    pair = [flat(90, 90, 90), flat(200, 200, 200)]
    wanted = luma(teacher(*pair)[:1, :1].astype(np.float32))
    taught = luma(taught_tone(reference, pair, teacher)[:1, :1].astype(np.float32))
    assert float(taught[0, 0]) == pytest.approx(float(wanted[0, 0]), abs=2)


def plane(value):
    return torch.full((1, 3, 16, 16), value)


def test_highlight_loss_compares_with_under():
    under, white = plane(0.4), plane(1.0)
    assert highlight_loss(under, white, plane(0.95)) > 0.1
    assert highlight_loss(under, white, plane(0.70)) < 0.03
    assert highlight_loss(under, plane(0.8), plane(0.1)) == 0  # Nothing is clipped.


def test_chroma_counts_only_above_its_limit():
    grey, red = plane(0.5), plane(0.5)
    red[:, 0] = 0.8
    assert excess_chroma_loss(grey, red, 1.1) == 0
    assert excess_chroma_loss(red, red, 1.1) == 0
    assert excess_chroma_loss(red, grey, 1.1) > 0.1
