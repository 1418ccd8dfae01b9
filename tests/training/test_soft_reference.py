"""Soft references and best colours, made from whole brackets: their tone and colour."""

import numpy as np
import pytest

from lightfuse.evaluation.baselines import mertens
from lightfuse.training.soft_reference import best_colours, soft_reference
from tools.synthetic import sample_bracket


@pytest.fixture(scope="module")
def exposures():
    return [np.asarray(picture) for picture in sample_bracket(120, 80, evs=(-3, 0, 3)).pictures]


def luma(picture):
    return (picture @ [0.299, 0.587, 0.114])[..., None]


def mean_luma(picture):
    return float(luma(picture).mean()) / 255


@pytest.mark.parametrize("light", [0.3, 0.6, 1.0])
def test_soft_references_have_a_mean_halfway_to_the_usual_one(exposures, light):
    """Dark scenes stay darker than others, but less so than Mertens leaves them."""
    exposures = [np.round(picture * light).astype(np.uint8) for picture in exposures]
    fused = np.round(mertens(exposures) * 255)
    wanted = 0.485 + 0.5 * (mean_luma(fused) - 0.47)
    assert mean_luma(soft_reference(exposures)) == pytest.approx(wanted, abs=0.02)


def test_soft_references_have_a_tenth_more_chroma(exposures):
    """Where nothing is clipped, nor so dark that the rise is limited, chroma over luma is 1.1 times Mertens'."""
    reference, fused = soft_reference(exposures).astype(np.float64) / 255, mertens(exposures).astype(np.float64)
    chroma, chroma_before = (picture - luma(picture) for picture in (reference, fused))
    relative, relative_before = chroma / (luma(reference) + 0.02), chroma_before / (luma(fused) + 0.02)
    sure = ((reference > 0.02) & (reference < 0.98)).all(axis=2) & (luma(fused)[..., 0] > 0.15)
    assert sure.mean() > 0.3
    np.testing.assert_allclose(relative[sure], 1.1 * relative_before[sure], atol=0.02)


def test_soft_references_of_black_stay_black():
    black = [np.zeros((48, 64, 3), np.uint8), np.full((48, 64, 3), 6, np.uint8)]
    assert soft_reference(black).mean() < 0.3 * 255


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
