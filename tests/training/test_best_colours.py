"""Targets of colour, tone and highlights taken from the whole bracket."""

import numpy as np
import pytest
import torch

from lightfuse.colorspace import luma
from lightfuse.fuser import Fuser
from lightfuse.training.losses import excess_chroma_loss, highlight_loss, highlights, with_highlights
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


def held(under, over):
    return highlights(under, over, torch.cat([under, over], dim=1))


def test_highlights_keep_the_contrast_of_under_around_one_mean():
    dark, bright = plane(0.2), plane(0.6)
    dark[..., 8:], bright[..., 8:] = 0.3, 0.7
    for under in (dark, bright):
        mask, wanted = held(under, plane(1.0))
        assert mask.min() == 1
        assert float(wanted.mean()) == pytest.approx(71, abs=1)
        lightness = float(wanted[0, 0, 0, 15] - wanted[0, 0, 0, 0])
        in_under = 116 * (float(under.max()) ** (2.2 / 3) - float(under.min()) ** (2.2 / 3))
        assert lightness == pytest.approx(0.95 * in_under, rel=0.02)


def test_highlight_loss_is_that_of_clipped_parts_alone():
    under, white = plane(0.4), plane(1.0)
    mask, wanted = held(under, white)
    assert highlight_loss(plane(0.95), mask, wanted) > 0.1
    assert highlight_loss(plane(0.675), mask, wanted) < 0.03
    assert highlight_loss(plane(0.1), *held(under, plane(0.8))) == 0  # Nothing is clipped.


def test_reference_takes_the_wanted_lightness_where_over_is_clipped():
    under, over, reference = plane(0.4), plane(1.0), plane(0.95)
    over[..., 8:] = 0.8
    toned = with_highlights(reference, *held(under, over))
    assert torch.equal(toned[..., 8:], reference[..., 8:])
    assert float(toned[..., :8].mean()) == pytest.approx(0.675, abs=0.02)


def test_chroma_counts_only_above_its_limit():
    grey, red = plane(0.5), plane(0.5)
    red[:, 0] = 0.8
    assert excess_chroma_loss(grey, red, 1.1) == 0
    assert excess_chroma_loss(red, red, 1.1) == 0
    assert excess_chroma_loss(red, grey, 1.1) > 1  # Relative to the chroma wanted.
