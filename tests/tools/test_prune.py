"""Hidden channels taken out of a CombiningNet."""

import dataclasses

import numpy as np
import pytest
import torch

from lightfuse.images import write_picture
from lightfuse.models import KNOWN_MODELS, Weights, read_weights, save_weights
from lightfuse.models.context import luma_of
from lightfuse.models.networks import build, from_weights, to_weights
from lightfuse.training.prepare import PrepareSettings, prepare
from tools.prune import main, with_chroma, without

WIDE = dataclasses.replace(KNOWN_MODELS["small"], thumbnail_cells=1536, hidden=(5, 4))


@pytest.fixture
def wide():
    """Random weights in which channel 1 of the first hidden layer and 2 of the second never leave 0."""
    torch.manual_seed(1)
    tensors = {name: tensor.copy() for name, tensor in to_weights(build(WIDE), "small", {}).tensors.items()}
    tensors["combining.layers.0.weight"][1] = 0
    tensors["filtering.head.weight"][1], tensors["filtering.head.bias"][1] = 0, -1
    tensors["combining.layers.1.bias"][:] = 0.5
    tensors["combining.layers.1.weight"][2], tensors["combining.layers.1.bias"][2] = 0, -1
    return Weights("small", tensors, {}, WIDE)


def test_channels_that_are_always_zero_change_nothing(wide):
    narrow = without(without(wide, 0, 1), 1, 2)
    assert narrow.config.hidden == (4, 3)
    pair = torch.rand(2, 1, 3, 40, 60)
    assert torch.allclose(from_weights(narrow)(*pair), from_weights(wide)(*pair), atol=1e-6)
    assert not torch.allclose(from_weights(without(wide, 0, 0))(*pair), from_weights(wide)(*pair), atol=1e-3)


def test_the_channels_needed_least_go(tmp_path, monkeypatch, capsys, wide):
    for scene in ("one", "two"):
        (tmp_path / "in" / scene).mkdir(parents=True)
        over = np.random.default_rng(3).integers(0, 256, (240, 360, 3), dtype=np.uint8)
        for number, picture in enumerate((over // 3, over)):
            write_picture(tmp_path / "in" / scene / f"{number}.png", picture)
    prepare(tmp_path / "in", tmp_path / "set", PrepareSettings(0, 64, 64, 0.0))
    save_weights(tmp_path / "wide.safetensors", wide)
    paths = [str(tmp_path / name) for name in ("wide.safetensors", "set")]
    options = ["-o", str(tmp_path / "narrow.safetensors"), "--hidden", "4,3"]
    monkeypatch.setattr("sys.argv", ["prune", *options, *paths, "patch=64", "batch=1", "batch_unlabelled=1"])
    main()
    printed = capsys.readouterr().out
    assert "layer 0: without channel 1, 0.00 levels" in printed
    assert "layer 1: without channel 2, 0.00 levels" in printed
    narrow = read_weights(tmp_path / "narrow.safetensors")
    assert narrow.config.hidden == (4, 3)
    assert np.array_equal(
        narrow.tensors["combining.layers.2.weight"], wide.tensors["combining.layers.2.weight"][:, [0, 1, 3]]
    )


def test_chroma_is_multiplied(wide):
    under, over = torch.rand(1, 3, 40, 60) * 0.05 + 0.2, torch.rand(1, 3, 40, 60) * 0.05 + 0.5
    fused, paler = (from_weights(weights)(under, over) for weights in (wide, with_chroma(wide, 0.9)))
    luma, of_paler = luma_of(fused), luma_of(paler)
    assert torch.allclose(of_paler, luma, atol=1e-6)
    assert torch.allclose(paler - luma, 0.9 * (fused - luma), atol=1e-5)
