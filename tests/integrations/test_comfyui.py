"""integrations/comfyui: its nodes, called as ComfyUI calls them; ComfyUI itself does not run here."""

import runpy
import tomllib
from pathlib import Path

import numpy as np
import pytest

from lightfuse import Fuser, __version__, fuse
from lightfuse.models import KNOWN_MODELS

torch = pytest.importorskip("torch", reason="needs the extra: train")

FOLDER = Path(__file__).parents[2] / "integrations" / "comfyui"


@pytest.fixture(scope="module")
def nodes():
    return runpy.run_path(str(FOLDER / "__init__.py"))


@pytest.fixture
def floats(pair):
    return [picture.astype(np.float32) / 255 for picture in pair]


def called(node, **given):
    """Calls a node as ComfyUI does: by the names and defaults of its inputs."""
    inputs = node.INPUT_TYPES()["required"]
    values = {name: kind[1]["default"] for name, kind in inputs.items() if len(kind) == 2} | given
    assert values.keys() == inputs.keys()
    results = getattr(node(), node.FUNCTION)(**values)
    assert len(results) == len(node.RETURN_TYPES)
    return results[0]


def test_a_bracket_becomes_one_picture(nodes, floats):
    batch = torch.from_numpy(np.stack(floats))
    before = batch.clone()
    fused = called(nodes["NODE_CLASS_MAPPINGS"]["LightFuseBracket"], exposures=batch)
    assert (fused.dtype, fused.shape) == (torch.float32, (1, *floats[0].shape))
    assert np.allclose(fused[0].numpy(), fuse(*floats), atol=1e-6)
    assert torch.equal(batch, before)


def test_pairs_become_as_many_pictures(nodes, floats):
    under, over = (torch.from_numpy(np.stack([picture, picture[::-1]])) for picture in floats)
    fused = called(nodes["NODE_CLASS_MAPPINGS"]["LightFusePairs"], under=under, over=over, model="small")
    assert fused.shape == under.shape
    assert np.allclose(fused[0].numpy(), Fuser("small")(*floats), atol=1e-6)


def test_alpha_and_values_outside_are_left_out(nodes, floats):
    with_alpha = [np.concatenate([picture * 1.01, picture[..., :1]], axis=2) for picture in floats]
    fused = called(nodes["NODE_CLASS_MAPPINGS"]["LightFuseBracket"], exposures=torch.from_numpy(np.stack(with_alpha)))
    assert fused.shape == (1, *floats[0].shape)


def test_batches_of_different_lengths_are_refused(nodes, floats):
    under, over = (torch.from_numpy(picture[None]) for picture in floats)
    with pytest.raises(ValueError, match="under holds 1 pictures and over 2"):
        called(nodes["NODE_CLASS_MAPPINGS"]["LightFusePairs"], under=under, over=torch.cat([over, over]))


def test_every_node_is_described(nodes):
    assert nodes["NODE_CLASS_MAPPINGS"].keys() == nodes["NODE_DISPLAY_NAME_MAPPINGS"].keys()
    assert set(nodes["MODELS"]) <= set(KNOWN_MODELS)


def test_the_registry_finds_what_it_asks_for():
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text())
    assert project["project"]["version"] == __version__
    assert project["project"]["dependencies"] == (FOLDER / "requirements.txt").read_text().split()
    assert project["tool"]["comfy"].keys() >= {"PublisherId", "DisplayName"}
