"""Context models in torch: their tensors, a picture worked out by hand, sizes, and that equal pictures stay."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from lightfuse.colorspace import LUMA_WEIGHTS
from lightfuse.models import KNOWN_MODELS, ContextConfig, save_weights
from lightfuse.models.config import parameter_shapes
from lightfuse.models.context import WINDOW
from lightfuse.models.networks import ContextModel, build, from_weights, load, to_weights

TINY = ContextConfig(thumbnail_cells=400, channels=4, levels=2, hidden=(3, 2))
VARIATIONS = [
    TINY,
    KNOWN_MODELS["small"],
    KNOWN_MODELS["base"],
    ContextConfig(thumbnail_cells=300, channels=3, levels=1, hidden=(2, 3)),
    ContextConfig(thumbnail_cells=900, channels=3, levels=3, shared=False),
]


def silent(config, *, first=0.0, **answers):
    """A model whose every weight is 0, but for the constants that the context hands to the output."""
    model = ContextModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.filtering.head.bias[: config.hidden[0]] = first
        for name, value in answers.items():
            place = ("weight", "gain", "offset", "saturation", "chroma_weight").index(name)
            model.filtering.head.bias[config.hidden[0] + place] = value
    return model


def pair(height=20, width=30, seed=0):
    over = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)) * 0.5 + 0.4
    return over * 0.3, over


def luma(picture):
    return (picture * torch.tensor(LUMA_WEIGHTS)[None, :, None, None]).sum(1, keepdim=True)


@torch.no_grad()
def test_fusion_matches_hand_computation():
    under, over = pair()
    model = silent(TINY, weight=3.0, gain=0.2, offset=-0.1, saturation=0.5, chroma_weight=3 + math.log(3))
    mixture, coloured = (under + over) / 2, 0.75 * under + 0.25 * over  # sigmoid(3 − 3), sigmoid(log 3)
    fused_luma = luma(mixture) * 1.2 - 0.05
    lift = (fused_luma + 0.02) / (luma(coloured) + 0.02)
    expected = fused_luma + (coloured - luma(coloured)) * 1.5 * lift
    torch.testing.assert_close(model(under, over), expected.clamp(0, 1))


@torch.no_grad()
def test_the_context_enters_before_the_first_activation():
    under, over = pair()
    model = silent(TINY, first=-0.25)
    model.combining.layers[0].weight[0, 4] = 1.0  # green of over, less 0.25
    model.combining.layers[1].weight[0, 0] = 1.0
    model.combining.layers[2].weight[[0, 4], 0] = 2.0
    weight = torch.sigmoid(2 * (over[:, 1:2] - 0.25) - 3)
    torch.testing.assert_close(model(under, over), over + weight * (under - over))


@pytest.mark.parametrize("config", VARIATIONS)
def test_tensors_have_the_shapes_of_their_configuration(config):
    state = build(config).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == parameter_shapes(config)


@pytest.mark.parametrize("config", VARIATIONS)
def test_modules_round_trip_through_weights(tmp_path, config):
    module = build(config).eval()
    save_weights(tmp_path / "w.safetensors", to_weights(module, "variation", {}))
    under, over = pair()
    with torch.no_grad():
        assert torch.equal(load(tmp_path / "w.safetensors")(under, over), module(under, over))
        assert torch.equal(from_weights(to_weights(module, "x", {}))(under, over), module(under, over))


@pytest.mark.parametrize("config", VARIATIONS)
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (33, 65)])
def test_pictures_of_any_size_are_fused_within_range(config, size):
    torch.manual_seed(2)
    under, over = torch.rand(2, 1, 3, *size)
    with torch.no_grad():
        fused = build(config)(under * 0.4, over)
    assert fused.shape == over.shape
    assert 0 <= fused.min() <= fused.max() <= 1


@pytest.mark.parametrize("config", VARIATIONS)
@torch.no_grad()
def test_two_equal_exposures_are_returned_unchanged(config):
    torch.manual_seed(3)
    model = build(config)
    for parameter in model.parameters():
        parameter.normal_()
    _, picture = pair()
    torch.testing.assert_close(model(picture, picture), picture, atol=1e-6, rtol=0)


@torch.no_grad()
def test_the_order_of_the_exposures_matters():
    """The caller orders them: a model does not guess."""
    torch.manual_seed(4)
    under, over = pair()
    model = build("small").eval()
    assert (model(under, over) - model(over, under)).abs().max() > 0.05


@torch.no_grad()
def test_strength_grows_with_the_difference_of_the_exposures():
    model, thumbnail = build(TINY), torch.zeros(5, 6, 16, 24)
    thumbnail[:, 3:] += torch.tensor([0.0, 0.03, 0.075, 0.12, 0.5])[:, None, None, None]
    _, strength = model.context(thumbnail)
    np.testing.assert_allclose(strength.flatten(), [0, 0, 0.5, 1, 1], atol=1e-6)


@torch.no_grad()
def test_a_window_is_decoded_as_in_the_whole_except_at_its_edge():
    torch.manual_seed(5)
    model, thumbnail = build("base"), torch.rand(2, 6, 128, 192)
    places = torch.tensor([(10, 20), (64, 128)])
    whole, windows = model.context(thumbnail)[0], model.context(thumbnail, places)[0]
    assert windows.shape[2:] == (WINDOW, WINDOW)
    for window, context, (y, x) in zip(windows, whole, places, strict=True):
        same = context[:, y : y + WINDOW, x : x + WINDOW]
        torch.testing.assert_close(window[:, 3:-3, 3:-3], same[:, 3:-3, 3:-3])


@torch.no_grad()
def test_the_thumbnail_is_the_area_average():
    under, over = pair(32, 48)
    model = build(ContextConfig(thumbnail_cells=16 * 24, channels=4, levels=2, hidden=(3, 2)))
    torch.testing.assert_close(
        model.thumbnail(under, over), functional.avg_pool2d(torch.cat([under, over], 1), 2), atol=1e-6, rtol=0
    )
