"""The compiled core against the torch model: 1e-4 in float, one level in 8 bits, whatever the size and processor."""

import numpy as np
import pytest
import torch

from lightfuse import core
from lightfuse.fuser import Fuser
from lightfuse.networks import build, to_weights
from lightfuse.networks.models import from_weights

SIZES = [(1, 1), (1, 37), (37, 1), (7, 9), (32, 32), (33, 65), (64, 31), (129, 200)]
TOPS = {"uint8": 255, "uint16": 65535, "float32": 1}
# In levels of the type; of 16 bits, the float tolerance.
TOLERANCES = {"uint8": 1, "uint16": 1e-4 * 65535, "float32": 1e-4}


def trained_like(model):
    """A module whose answers spread over [0, 1] instead of sitting at the middle, as a fresh one's do."""
    torch.manual_seed(3)
    module = build(model)
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


@pytest.mark.parametrize("isa", core.instruction_sets())
@pytest.mark.parametrize("dtype", list(TOPS))
@pytest.mark.parametrize("model", ["paper", "paper-wide"])
def test_core_agrees_with_torch(model, dtype, isa):
    module = trained_like(model)
    fuser = Fuser(to_weights(module, model, {}), threads=2, isa=isa)
    for height, width in SIZES:
        under, over = picture_pair(height, width, dtype)
        expected = fused_by_torch(module, under, over) * TOPS[dtype]
        difference = np.abs(fuser(under, over).astype(np.float64) - expected)
        rounding = 0 if dtype == "float32" else 0.5
        assert difference.max() <= TOLERANCES[dtype] + rounding, f"{width}×{height}"


def test_answers_depend_on_the_weights_and_spread():
    """Guards the comparison above against a model that answers nearly the same everywhere."""
    module = trained_like("paper")
    fused = Fuser(to_weights(module, "paper", {}))(*picture_pair(64, 64, "float32"))
    assert fused.std() > 0.02
    other = from_weights(to_weights(build("paper"), "paper", {}))
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
