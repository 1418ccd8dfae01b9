"""Context models: luma between the exposures', channels in range, borders that change nothing inside."""

import pytest
import torch

from lightfuse.colorspace import LUMA_WEIGHTS
from lightfuse.models.context import SMALLEST_SCENE, fill_empty, into_gamut, scene_weights
from lightfuse.models.networks import load
from tools.synthetic import sample_pair

LEVEL = 1 / 255


def luma(picture):
    return (picture * torch.tensor(LUMA_WEIGHTS)[None, :, None, None]).sum(1, keepdim=True)


def planes(picture):
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


@pytest.fixture(scope="module")
def pair():
    return tuple(planes(picture) for picture in sample_pair(384, 256))


@torch.no_grad()
@pytest.mark.parametrize("model", ["small", "base"])
def test_fused_luma_lies_between_the_lumas_of_the_exposures(model):
    random = torch.Generator().manual_seed(1)
    under, over = (torch.rand(1, 3, 60, 90, generator=random) for _ in range(2))
    fused = luma(load(model)(under, over))
    lumas = luma(under), luma(over)
    assert (fused - torch.maximum(*lumas)).max() < 1e-5
    assert (torch.minimum(*lumas) - fused).max() < 1e-5


@torch.no_grad()
def test_gamut_mapping_keeps_hue_and_stays_in_range():
    random = torch.Generator().manual_seed(2)
    level = torch.rand(1, 1, 40, 40, generator=random)
    chroma = torch.randn(1, 3, 40, 40, generator=random)
    chroma = chroma - luma(chroma)
    mapped = into_gamut(level, chroma, level * 0.5)
    assert mapped.min() > -1e-5
    assert mapped.max() < 1 + 1e-5
    left = mapped - luma(mapped)
    cosine = (left * chroma).sum(1) / (left.norm(dim=1) * chroma.norm(dim=1)).clamp(min=1e-9)
    assert cosine[left.norm(dim=1) > 1e-3].min() > 0.999
    assert (luma(mapped) < level * 0.5 - 1e-5).sum() == 0


@torch.no_grad()
def test_gamut_mapping_leaves_colours_inside_the_gamut_alone():
    colours = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(3))
    level = luma(colours)
    assert torch.allclose(into_gamut(level, colours - level, torch.zeros_like(level)), colours, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("model", ["small", "base"])
@pytest.mark.parametrize(("border", "most"), [(0.04, 4), (0.15, 4), (0.25, 10), (0.4, 24)])
@pytest.mark.slow
def test_a_black_border_changes_the_inside_little(model, border, most, pair):
    """A frame of a share ``border`` on every side, by torch, which does not cut it off as the core does."""
    module = load(model)
    height, width = pair[0].shape[-2:]
    top, left = (round(side * border / (1 - 2 * border)) for side in (height, width))
    framed = [torch.nn.functional.pad(picture, (left, left, top, top)) for picture in pair]
    inside = module(*framed)[..., top : top + height, left : left + width]
    assert (inside - module(*pair)).abs().mean() < most * LEVEL
    assert luma(module(*framed)[..., :top, :]).max() == 0


def test_thumbnails_without_black_or_white_are_unchanged(pair):
    thumbnail = torch.nn.functional.adaptive_avg_pool2d(torch.cat(pair, 1).clamp(0.1, 0.9), (128, 192))
    weights = scene_weights(thumbnail)
    assert weights.min() == 1
    assert torch.equal(fill_empty(thumbnail, weights, 4), thumbnail)


def test_empty_cells_are_filled_from_their_surroundings():
    thumbnail = torch.zeros(1, 6, 16, 16)
    thumbnail[..., :8] = 0.5
    weights = torch.zeros(1, 1, 16, 16)
    weights[..., :8] = 1
    assert torch.allclose(fill_empty(thumbnail, weights, 4), torch.full_like(thumbnail, 0.5))


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_wholly_black_or_white_pictures_have_full_weight(level):
    weights = scene_weights(torch.full((1, 6, 16, 32), level))
    assert torch.equal(weights, torch.ones_like(weights))


def test_only_the_scene_within_a_black_border_has_weight():
    thumbnail = torch.zeros(1, 6, 64, 96)
    thumbnail[..., :8, :8] = 0.5
    assert thumbnail[:, :1].gt(0).float().mean() > SMALLEST_SCENE
    weights = scene_weights(thumbnail)
    assert weights[..., :7, :7].min() == 1
    assert weights[..., 7, :8].max() == pytest.approx(0.1)  # Mixed with the border in a picture of finer pixels
    assert weights[..., 8:, :].max() == 0
