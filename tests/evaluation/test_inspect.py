"""Drawings of filters and of what a model makes of a pair: what they show, and that any model and size can be drawn."""

import io

import numpy as np
import pytest
import torch
from builders.weights import make_weights
from PIL import Image

from lightfuse.colorspace import LUMA_WEIGHTS
from lightfuse.errors import PictureError
from lightfuse.evaluation.inspect import (
    INPUTS,
    LONG_SIDE,
    OUTPUTS,
    Panel,
    adjustment_maps,
    draw_panel,
    draw_sheet,
    filter_panels,
    inspect_model,
    pair_panels,
    read_pair,
)
from lightfuse.models import ContextConfig, Weights
from lightfuse.models.config import parameter_shapes
from lightfuse.models.context import compose

TINY = ContextConfig(thumbnail_cells=400, channels=4, levels=2, hidden=(3, 2))


def tiny_weights() -> Weights:
    random = np.random.default_rng(0)
    tensors = {name: random.normal(0, 0.3, s).astype(np.float32) for name, s in parameter_shapes(TINY).items()}
    return Weights("tiny", tensors, {}, TINY)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def under_and_over(height: int = 30, width: int = 40) -> tuple[np.ndarray, np.ndarray]:
    over = np.random.default_rng(5).random((height, width, 3)).astype(np.float32)
    return over * np.float32(0.2), over


# ---- Filters --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [make_weights("paper"), tiny_weights()])
def test_every_weight_and_bias_is_shown_once(weights: Weights) -> None:
    panels = [panel for part in ("combining", "filtering") for panel in filter_panels(weights, part)[1]]
    shown = np.concatenate([panel.values.ravel() for panel in panels])
    kernels = [name for name, tensor in weights.tensors.items() if tensor.shape[-1] == 3]
    biases = [f"{name.removesuffix('.weight')}.bias" for name in kernels]
    in_labels = sum(weights.tensors[name].size for name in biases if name in weights.tensors)
    learned = np.concatenate([tensor.ravel() for tensor in weights.tensors.values()])
    seen = shown[np.isfinite(shown)]
    assert len(seen) == learned.size - in_labels
    assert np.isin(seen, learned).all()


def test_layers_are_in_order_with_named_inputs_and_outputs() -> None:
    combining, filtering = (filter_panels(tiny_weights(), part)[1] for part in ("combining", "filtering"))
    assert [panel.title for panel in combining] == ["layers.0: 6 → 3", "layers.1: 3 → 2", "layers.2: 2 → 5"]
    assert combining[0].labels[:7] == ("columns:", *INPUTS)
    assert combining[2].labels[-6:] == ("rows:", *OUTPUTS)
    assert [panel.title.split(":")[0] for panel in filtering][:3] == ["first_dw", "first_pw", "stem"]
    assert filtering[-1].labels[-9:] == ("rows:", "hidden 0", "hidden 1", "hidden 2", *OUTPUTS)
    assert filtering[1].labels[:8] == ("columns:", *INPUTS, "bias")


def test_kernels_lie_side_by_side_each_named() -> None:
    weights = make_weights("paper")
    kernels = filter_panels(weights, "filtering")[1][0]
    assert kernels.title == "down1: 6 depthwise 3×3"
    np.testing.assert_array_equal(kernels.values[0:3, 0:3], weights.tensors["filtering.down1.weight"][0, 0])
    np.testing.assert_array_equal(kernels.values[4:7, 4:7], weights.tensors["filtering.down1.weight"][4, 0])
    assert np.isnan(kernels.values[3]).all()
    bias = weights.tensors["filtering.down1.bias"][4]
    assert kernels.labels[5] == f"over G, bias {bias:.2g}"


# ---- A pair ---------------------------------------------------------------------------------------------------------


def test_adjustment_maps_are_the_numbers_that_make_the_picture() -> None:
    random = torch.Generator().manual_seed(1)
    answer = torch.randn(1, 5, 6, 7, generator=random) * 0.3 + torch.tensor([3.0, 0, 0, 0, 3])[None, :, None, None]
    under, over = torch.rand(2, 1, 3, 6, 7, generator=random)
    strength = torch.full((1, 1, 1, 1), 0.7)
    mixing, chroma_mixing, gain, offset, chroma_gain = (m.values for m in adjustment_maps(answer, strength))

    under, over = (picture[0].permute(1, 2, 0).numpy() for picture in (under, over))
    mixed, coloured = (over + weight[..., None] * (under - over) for weight in (mixing, chroma_mixing))
    luma = mixed @ LUMA_WEIGHTS * (1 + gain) + offset
    lumas = under @ LUMA_WEIGHTS, over @ LUMA_WEIGHTS
    luma, grey = np.clip(luma, np.minimum(*lumas), np.maximum(*lumas)), coloured @ LUMA_WEIGHTS
    gain = (1 + chroma_gain) * (luma + 0.02) / (grey + 0.02)
    expected = luma[..., None] + (coloured - grey[..., None]) * gain[..., None]
    inside = (expected.min(axis=2) > 0) & (expected.max(axis=2) < 1)
    assert inside.mean() > 0.5
    tensors = (torch.from_numpy(picture).permute(2, 0, 1)[None] for picture in (under, over))
    fused = compose(*tensors, answer, strength)[0][0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(fused[inside], expected[inside], atol=1e-5)


def test_a_context_model_shows_pictures_context_and_maps() -> None:
    under, over = under_and_over()
    sheets = pair_panels(tiny_weights(), under, over)
    context, maps = sheets["context.png"][1], sheets["maps.png"][1]
    names = ("hidden 0", "hidden 1", "hidden 2", *OUTPUTS)
    assert [panel.title for panel in context] == [f"added to {name}" for name in names]
    assert [panel.title for panel in maps[:3]] == ["under", "over", "fused"]
    np.testing.assert_array_equal(maps[0].values, under)
    assert all(panel.values.shape == under.shape[:2] for panel in maps[3:])


def test_the_paper_model_shows_what_each_sub_network_adds() -> None:
    _, panels = pair_panels(make_weights("paper"), *under_and_over(32, 40))["contributions.png"]
    combining, filtering = (np.stack([panel.values for panel in panels[i : i + 3]], axis=-1) for i in (3, 6))
    assert filtering.shape == (4, 5, 3)
    blocks = filtering.repeat(8, axis=0).repeat(8, axis=1)
    np.testing.assert_allclose(panels[2].values, (np.tanh(combining + blocks) + 1) / 2, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(2000, 60), (1, 1), (9, 1600)])
def test_pictures_of_any_size_are_shrunk_to_be_shown(height: int, width: int) -> None:
    sheets = pair_panels(tiny_weights(), *under_and_over(height, width))
    assert max(sheets["maps.png"][1][0].values.shape) == max(3, min(LONG_SIDE, max(height, width)))


def test_the_darker_picture_is_under_in_either_order(tmp_path) -> None:
    for name, picture in zip(("dark", "bright"), under_and_over(), strict=True):
        Image.fromarray((picture * 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
    dark, bright = tmp_path / "dark.png", tmp_path / "bright.png"
    for under, over in (read_pair(dark, bright), read_pair(bright, dark)):
        assert under.mean() < over.mean()


def test_pictures_of_two_sizes_are_refused() -> None:
    with pytest.raises(PictureError, match="resize"):
        inspect_model(tiny_weights(), (np.zeros((4, 5, 3)), np.zeros((4, 6, 3))))


# ---- Drawing --------------------------------------------------------------------------------------------------------


def test_all_sheets_are_png_files() -> None:
    files = inspect_model(tiny_weights(), under_and_over())
    assert list(files) == ["combining.png", "filtering.png", "context.png", "maps.png"]
    assert all(min(pixels(file).shape[:2]) > 300 for file in files.values())


def test_negative_is_blue_positive_red_and_zero_white() -> None:
    drawn = draw_panel(Panel("", np.array([[-1.0, 0.0, 0.9]])))
    left, middle, right = (drawn[0, drawn.shape[1] * sixth // 6].astype(int) for sixth in (1, 3, 5))
    assert left[2] > left[0] + 60
    assert middle.tolist() == [255, 255, 255]
    assert right[0] > right[2] + 60


def test_maps_with_limits_are_grey_between_them() -> None:
    drawn = draw_panel(Panel("", np.array([[0.0, 0.5, 1.0, 2.0]]), limits=(0, 1)))
    assert [drawn[0, drawn.shape[1] * eighth // 8].tolist() for eighth in (1, 3, 5, 7)] == [
        [0, 0, 0],
        [128, 128, 128],
        [255, 255, 255],
        [255, 255, 255],
    ]


def test_flat_empty_long_maps_and_pictures_are_drawn() -> None:
    maps = [
        Panel("flat", np.zeros((3, 4))),
        Panel("nothing", np.full((2, 2), np.nan)),
        Panel("a", np.ones((1, 900))),
        Panel("small", np.eye(3), labels=tuple("abc")),
        Panel("photograph", np.full((5, 5, 3), 0.5)),
    ]
    drawn = draw_sheet("all", maps)
    assert (drawn == 128).all(axis=2).sum() >= 25
    assert drawn.shape[1] > 3 * 400
