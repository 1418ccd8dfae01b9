"""The paper's model in torch: its size, its padding, and the authors' own figures where their files are at hand."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from lightfuse.models.networks import build, from_weights
from lightfuse.models.paper import CombiningNet, FilteringNet, normalise

REFERENCE = Path(os.environ.get("LIGHTFUSE_REFERENCE", "reference-not-given"))


@pytest.mark.parametrize(("model", "parameters"), [("paper", 1574), ("paper-wide", 18630)])
def test_parameter_counts_are_those_of_the_paper(model, parameters):
    assert sum(p.numel() for p in build(model).parameters()) == parameters


@pytest.mark.parametrize("model", ["paper", "paper-wide"])
def test_output_matches_the_authors_network_in_keras(model):
    weights, pair = REFERENCE / f"authors_{model}.h5", REFERENCE / f"keras_{model}.npz"
    if not (weights.exists() and pair.exists()):
        pytest.skip("the authors' weights and outputs are not at hand (name their folder in LIGHTFUSE_REFERENCE)")
    from lightfuse.models.keras import read_keras

    expected = np.load(pair)
    x = torch.from_numpy(np.ascontiguousarray(expected["x"].transpose(0, 3, 1, 2)))
    with torch.no_grad():
        y = from_weights(read_keras(weights)).respond(x)
    np.testing.assert_allclose(y.numpy().transpose(0, 2, 3, 1), expected["y"], atol=1e-5, rtol=0)


def test_filtering_pads_as_tensorflow_does():
    """With every tap 1 and no bias, a corner output counts the pixels it sees: one zero after, none before."""
    net = FilteringNet()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        for layer in (net.down1, net.down2, net.down3):
            layer.weight.fill_(1.0)
        net.mix.weight.zero_()
        net.mix.weight[0, 0] = 1.0
        context = net(torch.ones(1, 6, 16, 16))[0, 0]
    assert context[0, 0] == 27**2  # nothing cut off: 3 × 3 × 3 taps a side
    # At the far edge, along one side: layer 1 ends in 2 (its third tap falls on the zero), layer 2 in 3 + 2,
    # and layer 3 sees 9 and 5.
    assert context[1, 1] == 14**2


def test_combining_is_pointwise_and_never_negative():
    torch.manual_seed(0)
    net = CombiningNet((6, 8, 3))
    x = torch.randn(1, 6, 5, 4)
    y = net(x)
    assert (y >= 0).all()
    moved = net(x.flip(2, 3))
    torch.testing.assert_close(moved, y.flip(2, 3))


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 8), (13, 24), (17, 40)])
def test_pictures_of_any_size_are_padded_by_repeating_edges(size):
    """A size that is no multiple of 8 gives what the picture, its edge repeated to a multiple, gives there."""
    torch.manual_seed(1)
    model = build("paper").eval()
    height, width = size
    x = torch.rand(1, 6, height, width) * 2 - 1
    padded = torch.nn.functional.pad(x, (0, -width % 8, 0, -height % 8), mode="replicate")
    with torch.no_grad():
        torch.testing.assert_close(model.respond(x), model.respond(padded)[..., :height, :width])


def test_normalise_stretches_each_picture_separately_except_flat_ones():
    pictures = torch.stack([torch.linspace(0.2, 0.6, 12).reshape(3, 2, 2), torch.full((3, 2, 2), 0.3)])
    stretched = normalise(pictures)
    assert stretched[0].min() == 0
    assert stretched[0].max() == 1
    assert (stretched[1] == 0.3).all()
