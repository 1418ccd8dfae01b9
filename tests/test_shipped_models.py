"""What is promised of every shipped model, tested on synthetic scenes: no picture of others is needed to check it."""

import cv2
import numpy as np
import pytest

from lightfuse.evaluation.baselines import mertens
from lightfuse.fuser import Fuser
from lightfuse.metrics.colour import best_exposed, chroma_ratio, hue_error
from lightfuse.metrics.mef_ssim import mef_ssim
from lightfuse.metrics.psnr_ssim import psnr
from lightfuse.models import load_weights, shipped_models
from lightfuse.models.config import ContextConfig, cost
from tools.synthetic import sample_pair

CONTEXT_MODELS = [name for name in shipped_models() if isinstance(load_weights(name).config, ContextConfig)]
BUDGETS = {"small": (1574, 180), "base": (6000, 450)}


@pytest.fixture(scope="module")
def room():
    return sample_pair(960, 640, seed=0)


def shrunk(picture, factor):
    height, width = picture.shape[:2]
    return cv2.resize(picture, (width // factor, height // factor), interpolation=cv2.INTER_AREA)


def test_the_models_that_are_documented_are_shipped():
    assert set(shipped_models()) >= {"paper", "small", "base"}


@pytest.mark.parametrize("model", CONTEXT_MODELS)
def test_budget_of_parameters_and_multiply_adds(model):
    weights = load_weights(model)
    parameters, multiply_adds = BUDGETS[model]
    assert weights.parameters <= parameters
    assert cost(weights.config).multiply_adds <= multiply_adds


@pytest.mark.parametrize("model", CONTEXT_MODELS)
@pytest.mark.slow
def test_two_equal_pictures_come_back(model, room):
    for picture in room:
        assert psnr(Fuser(model)(picture, picture), picture) >= 35


@pytest.mark.parametrize("model", CONTEXT_MODELS)
@pytest.mark.slow
def test_a_pair_that_hardly_differs_comes_back(model):
    picture = sample_pair(960, 640, seed=2, noise=False)[1]
    darker = np.rint(picture * 0.97).astype(np.uint8)
    fused = Fuser(model)(darker, picture)
    assert max(psnr(fused, picture), psnr(fused, darker)) >= 35


@pytest.mark.parametrize("model", CONTEXT_MODELS)
def test_a_small_and_a_large_version_of_one_scene_look_the_same(model, room):
    large = shrunk(Fuser(model)(*room), 3)
    small = Fuser(model)(*(shrunk(picture, 3) for picture in room))
    assert psnr(small, large) >= 35


@pytest.mark.parametrize("model", CONTEXT_MODELS)
@pytest.mark.parametrize("size", [(640, 640), (400, 900), (1600, 80), (96, 72)])
@pytest.mark.slow
def test_any_shape_keeps_more_than_the_plain_average(model, size):
    under, over = sample_pair(*size, seed=1)
    average = ((under.astype(np.uint16) + over) // 2).astype(np.uint8)
    fused = Fuser(model)(under, over)
    assert mef_ssim(fused, [under, over]) > mef_ssim(average, [under, over])


@pytest.mark.parametrize("model", CONTEXT_MODELS)
@pytest.mark.slow
def test_night_stays_night(model):
    """Both exposures 4 EV darker: as bright as over allows, and no brighter."""
    under, over = (np.rint(picture * 2 ** (-4 / 2.2)).astype(np.uint8) for picture in sample_pair(960, 640, seed=2))
    fused = Fuser(model)(under, over)
    assert 0.9 * over.mean() < fused.mean() <= over.mean() + 0.5
    assert mef_ssim(fused, [under, over]) > 0.95


@pytest.mark.parametrize("model", CONTEXT_MODELS)
@pytest.mark.slow
def test_detail_and_colour_stand_beside_mertens(model, room):
    fused, baseline = Fuser(model)(*room), mertens(room)
    assert mef_ssim(fused, room) > mef_ssim(baseline, room) - 0.01
    assert hue_error(fused, best_exposed(room)) < hue_error(baseline, best_exposed(room)) + 1
    assert 0.8 < chroma_ratio(fused, best_exposed(room)) < 1.25


@pytest.mark.parametrize("model", CONTEXT_MODELS)
def test_grey_stays_grey(model, room):
    grey = [np.repeat(picture.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2) for picture in room]
    fused = Fuser(model)(*grey).astype(int)
    assert np.ptp(fused, axis=2).max() <= 1


@pytest.mark.parametrize("model", CONTEXT_MODELS)
def test_no_block_or_seam_shows_in_a_smooth_picture(model):
    """A soft ramp stays soft: no step between neighbours is far above the ramp's own."""
    ramp = np.linspace(0, 1, 1024)[None, :, None] * np.ones((256, 1, 3))
    under, over = (np.clip(ramp * gain, 0, 1).astype(np.float32) for gain in (0.3, 1.5))
    fused = Fuser(model)(under, over)
    steps = np.abs(np.diff(fused[128, :, 1]))
    assert steps.max() < 0.02
    assert np.abs(np.diff(fused[:, 512, 1])).max() < 0.005
