"""The compiled core against the torch model: 1e-4 in float, one level in 8 bits, whatever the size and processor."""

import dataclasses
import functools

import numpy as np
import pytest
import torch

from lightfuse import core
from lightfuse.fuser import Fuser
from lightfuse.models.config import config_of
from lightfuse.models.networks import PaperModel, build, from_weights, to_weights

SIZES = [(1, 1), (1, 37), (37, 1), (7, 9), (32, 32), (33, 65), (64, 31), (129, 200), (20, 600), (300, 310)]
MODELS = ["paper", pytest.param("paper-wide", marks=pytest.mark.slow), "small", "base"]
TOPS = {"uint8": 255, "uint16": 65535, "float32": 1}
# In levels of the type; of 16 bits, the float tolerance.
TOLERANCES = {"uint8": 1, "uint16": 1e-4 * 65535, "float32": 1e-4}


def trained_like(model):
    """A module whose answers spread over [0, 1]; a fresh paper network's sit at the middle."""
    torch.manual_seed(3)
    module = build(model)
    if isinstance(module, PaperModel):
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.mul_(1.7)
    return module.eval()


def picture_pair(height, width, dtype):
    random = np.random.default_rng(height * 1000 + width)
    base = random.random((height, width, 3))
    return [
        np.round(base * gain * TOPS[dtype]).astype(dtype) if dtype != "float32" else (base * gain).astype(dtype)
        for gain in (0.4, 0.95)
    ]


def fused_by_torch(module, under, over):
    planes = [torch.from_numpy(p.astype(np.float32) / TOPS[str(p.dtype)]).permute(2, 0, 1)[None] for p in (under, over)]
    with torch.no_grad():
        return module(*planes)[0].permute(1, 2, 0).numpy()


@functools.cache
def expected(model, dtype, size):
    """What torch answers, in levels of the type; the same for every instruction set, and slow."""
    return fused_by_torch(trained_like(model), *picture_pair(*size, dtype)) * TOPS[dtype]


@pytest.mark.parametrize("isa", core.instruction_sets())
@pytest.mark.parametrize("dtype", list(TOPS))
@pytest.mark.parametrize("model", MODELS)
def test_core_agrees_with_torch(model, dtype, isa):
    fuser = Fuser(to_weights(trained_like(model), model, {}), threads=2, isa=isa)
    rounding = 0 if dtype == "float32" else 0.5
    for size in SIZES:
        difference = np.abs(fuser(*picture_pair(*size, dtype)).astype(np.float64) - expected(model, dtype, size))
        assert difference.max() <= TOLERANCES[dtype] + rounding, size


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden": (9, 32)},
        {"shared": False, "channels": 5, "levels": 2, "hidden": (3, 17)},
        {"thumbnail_cells": 900, "levels": 3, "hidden": (24, 1)},
        {"channels": 32, "levels": 1, "hidden": (32, 6)},
    ],
)
@pytest.mark.slow
def test_core_agrees_with_any_context_model(changes):
    """Not only the shapes that are shipped: each way a layer can be left over or shared."""
    config = dataclasses.replace(config_of("small"), **changes)
    module = trained_like(config)
    fuser = Fuser(to_weights(module, "small", {}), threads=2)
    for height, width in SIZES:
        under, over = picture_pair(height, width, "float32")
        np.testing.assert_allclose(fuser(under, over), fused_by_torch(module, under, over), atol=1e-4, rtol=0)


@pytest.mark.parametrize("isa", core.instruction_sets())
@pytest.mark.parametrize("dtype", list(TOPS))
@pytest.mark.parametrize("border", [0, 255])
def test_borders_are_left_out_as_in_torch(border, dtype, isa):
    """Black or white around a bright scene, of which models see nothing. Two corners belong to the scene, or
    the core would cut the border off before it makes thumbnails, which torch does not."""
    module = trained_like("base")
    pictures = picture_pair(200, 260, dtype)
    for picture in pictures:
        for edge in (picture[:60], picture[-20:], picture[:, :50], picture[:, 130:]):
            edge[...] = border / 255 * TOPS[dtype]
        picture[0, 0] = picture[-1, -1] = 0.5 * TOPS[dtype]
    fused = Fuser(to_weights(module, "base", {}), isa=isa)(*pictures).astype(np.float64)
    expected = fused_by_torch(module, *pictures) * TOPS[dtype]
    rounding = 0 if dtype == "float32" else 0.5
    assert np.abs(fused - expected).max() <= TOLERANCES[dtype] + rounding


@pytest.mark.parametrize("isa", core.instruction_sets())
@pytest.mark.parametrize("dtype", list(TOPS))
@pytest.mark.parametrize("model", ["small", "base"])
def test_highlights_keep_their_hue_as_in_torch(model, dtype, isa):
    module = trained_like(model)
    # What the context hands to the output: more of over, lighter and more colourful.
    answers = module.filtering.head.bias[module.config.hidden[0] :]
    with torch.no_grad():
        answers += torch.tensor([-2, 0, 1, 1.5, 0])
    pictures = picture_pair(33, 65, dtype)
    expected = fused_by_torch(module, *pictures)
    at_white = expected.max(axis=2) > 1 - 1e-6
    assert 0.05 < at_white.mean() < 0.95
    assert expected[at_white].min(axis=1).mean() < 0.8, "clipped to white, not divided"
    fused = Fuser(to_weights(module, model, {}), isa=isa)(*pictures).astype(np.float64)
    rounding = 0 if dtype == "float32" else 0.5
    assert np.abs(fused - expected * TOPS[dtype]).max() <= TOLERANCES[dtype] + rounding


@pytest.mark.slow
def test_cells_of_any_size_have_their_mean():
    """Of more pixels than 32 bits hold the sum of: told from a small picture of the same colours."""
    config = dataclasses.replace(config_of("small"), thumbnail_cells=64, levels=1)
    fuser = Fuser(to_weights(trained_like(config), "small", {}), threads=2)
    small, large = (
        fuser(*(np.full((side, side, 3), level, np.uint16) for level in (50_000, 65_535))) for side in (16, 4_112)
    )
    assert (large == small[0, 0]).all()


@pytest.mark.parametrize("isa", core.instruction_sets())
@pytest.mark.parametrize("dtype", list(TOPS))
@pytest.mark.parametrize("side", [160, 288, 384, 656])  # 10, 18, 24 and 41 rows a cell
def test_cells_of_many_rows_are_sampled_on_odd_and_even_rows_alike(side, dtype, isa):
    config = dataclasses.replace(config_of("small"), thumbnail_cells=64)
    fuser = Fuser(to_weights(trained_like(config), "small", {}), isa=isa)
    levels = [np.array(pair) / 255 * TOPS[dtype] for pair in ([20, 80], [120, 200])]
    rows = [np.tile(np.resize(pair, side)[:, None, None], (1, side, 3)).astype(dtype) for pair in levels]
    flat = [np.full((side, side, 3), pair.mean(), dtype) for pair in levels]
    striped, even = fuser.context(*rows), fuser.context(*flat)
    np.testing.assert_allclose(striped.grid, even.grid, atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_answers_depend_on_the_weights_and_spread(model):
    """Guards the comparison above against a model that answers nearly the same everywhere."""
    module = trained_like(model)
    fused = Fuser(to_weights(module, model, {}))(*picture_pair(64, 64, "float32"))
    assert fused.std() > 0.02
    other = from_weights(to_weights(build(model), model, {}))
    assert np.abs(fused_by_torch(other, *picture_pair(64, 64, "float32")) - fused).max() > 0.02


def test_measure_finds_extremes_and_mean_in_any_block():
    random = np.random.default_rng(0)
    picture = random.integers(10, 200, (300, 17, 3), dtype=np.uint8)
    picture[299, 16, 2], picture[130, 0, 0] = 255, 3
    for threads in (1, 4):
        low, high, mean, finite = core.measure(picture, threads)
        assert (low, high, finite) == (3, 255, True)
        assert mean == pytest.approx(picture.mean(), abs=1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_measure_sees_one_bad_float_anywhere(bad):
    for place in [(0, 0, 0), (150, 8, 1), (299, 16, 2)]:
        picture = np.full((300, 17, 3), 0.5, np.float32)
        picture[place] = bad
        assert not core.measure(picture, 2)[3]
