"""Weights as the members of the core's structs, from which Fuser and the exported C are made."""

import numpy as np
import pytest

from lightfuse.fuser import Fuser
from lightfuse.models import ContextConfig, Weights
from lightfuse.models.config import parameter_shapes
from lightfuse.models.store import core_members


def weights_of(config):
    random = np.random.default_rng(1)
    tensors = {name: random.random(shape, np.float32) for name, shape in parameter_shapes(config).items()}
    return Weights("one's own", tensors, {}, config)


def test_matrices_are_transposed_and_shared_levels_have_one_array():
    weights = weights_of(ContextConfig(levels=3, shared=True))
    members = core_members(weights)
    np.testing.assert_array_equal(members["summary"], weights.tensors["filtering.summary.weight"].T)
    assert members["up[0].pointwise"] is members["up[2].pointwise"]
    assert "stem.depthwise" not in members


@pytest.mark.parametrize("shared", [True, False])
def test_a_model_of_one_level_fuses(shared):
    fuser = Fuser(weights_of(ContextConfig(levels=1, shared=shared)))
    assert fuser(np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 200, np.uint8)).shape == (8, 8, 3)


def test_later_changes_of_tensors_do_not_reach_the_fuser():
    weights = weights_of(ContextConfig())
    pair = np.zeros((32, 48, 3), np.uint8), np.full((32, 48, 3), 200, np.uint8)
    fuser = Fuser(weights)
    wanted = fuser(*pair)
    for tensor in weights.tensors.values():
        tensor[...] = 0
    np.testing.assert_array_equal(fuser(*pair), wanted)
