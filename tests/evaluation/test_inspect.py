"""Drawings of filters and of what a model makes of a pair: what they show, and that any model and size can be drawn."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from random_weights import make_weights

from lightfuse.errors import PictureError
from lightfuse.evaluation import filter_maps, heat_maps, pair_maps
from lightfuse.evaluation.filter_maps import ANSWERS, INPUTS
from lightfuse.evaluation.heat_maps import HeatMap, Photograph, draw_sheet
from lightfuse.evaluation.inspect import LONG_SIDE, inspect_model, read_pair
from lightfuse.models import ContextConfig, Weights
from lightfuse.models.context.combining import LUMA, compose
from lightfuse.models.shapes import parameter_shapes

TINY = ContextConfig(thumbnail_cells=400, channels=4, levels=2, hidden=(3,), outputs=5)


def tiny_weights(config: ContextConfig = TINY) -> Weights:
    random = np.random.default_rng(0)
    tensors = {name: random.normal(0, 0.3, s).astype(np.float32) for name, s in parameter_shapes(config).items()}
    return Weights("tiny", tensors, {}, config)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@pytest.fixture
def sheets(monkeypatch):
    """What was to be drawn, by title, in place of drawing it."""
    found = {}

    def keep(title, panels, columns, panel):
        found[title] = list(panels)
        return title.encode()

    for module in (filter_maps, pair_maps):
        monkeypatch.setattr(module, "draw_sheet", keep)
    return found


def under_and_over(height: int = 30, width: int = 40) -> tuple[np.ndarray, np.ndarray]:
    over = np.random.default_rng(5).random((height, width, 3)).astype(np.float32)
    return over * np.float32(0.2), over


# ---- Filters --------------------------------------------------------------------------------------------------------


def test_every_weight_and_bias_is_shown_once(sheets) -> None:
    for weights in (make_weights("paper"), tiny_weights()):
        sheets.clear()
        inspect_model(weights)
        shown = [value for panels in sheets.values() for panel in panels for value in panel.values.ravel()]
        kernels = [name for name, tensor in weights.tensors.items() if tensor.shape[-1] == 3]
        in_words = [
            weights.tensors[f"{name[:-7]}.bias"].size for name in kernels if f"{name[:-7]}.bias" in weights.tensors
        ]
        learned = np.concatenate([tensor.ravel() for tensor in weights.tensors.values()])
        seen = np.array(shown)[np.isfinite(shown)]
        assert len(seen) == learned.size - sum(in_words)
        assert np.isin(seen, learned).all()


def test_layers_are_in_the_order_in_which_they_work_and_say_what_goes_in_and_out(sheets) -> None:
    inspect_model(tiny_weights())
    combining, filtering = sheets.values()
    assert [panel.title for panel in combining] == ["layers.0: 6 → 3", "layers.1: 3 → 5"]
    assert tuple(combining[0].columns) == INPUTS
    assert tuple(combining[1].rows) == ANSWERS
    assert [panel.title.split(":")[0] for panel in filtering][:3] == ["first_dw", "first_pw", "stem"]
    assert filtering[-1].rows == ["hidden 0", "hidden 1", "hidden 2", *ANSWERS]
    assert [*INPUTS, "bias"] == list(filtering[1].columns)


def test_kernels_lie_side_by_side_each_named(sheets) -> None:
    weights = make_weights("paper")
    inspect_model(weights)
    kernels = next(panels for title, panels in sheets.items() if title.startswith("FilteringNet"))[0]
    assert kernels.title == "down1: 6 depthwise 3×3"
    np.testing.assert_array_equal(kernels.values[1:4, 0:3], weights.tensors["filtering.down1.weight"][0, 0])
    np.testing.assert_array_equal(kernels.values[5:8, 4:7], weights.tensors["filtering.down1.weight"][4, 0])
    assert np.isnan(kernels.values[0]).all()
    bias = weights.tensors["filtering.down1.bias"][4]
    row, column, text = kernels.notes[4]
    assert 4 < row < 4.5
    assert column == 5
    assert text == f"over G, bias {bias:.2g}"


# ---- A pair ---------------------------------------------------------------------------------------------------------


def test_the_maps_are_the_numbers_that_make_the_picture() -> None:
    random = torch.Generator().manual_seed(1)
    answer = torch.randn(1, 5, 6, 7, generator=random) * 0.3 + torch.tensor([3.0, 0, 0, 0, 3])[None, :, None, None]
    under, over = torch.rand(2, 1, 3, 6, 7, generator=random)
    strength = torch.full((1, 1, 1, 1), 0.7)
    mixing, chroma_mixing, gain, offset, chroma_gain = (m.values for m in pair_maps.structure_maps(answer, strength))

    under, over = (picture[0].permute(1, 2, 0).numpy() for picture in (under, over))
    mixed, coloured = (over + weight[..., None] * (under - over) for weight in (mixing, chroma_mixing))
    luma = mixed @ LUMA * (1 + gain) + offset
    expected = luma[..., None] + (coloured - (coloured @ LUMA)[..., None]) * (1 + chroma_gain)[..., None]
    tensors = (torch.from_numpy(picture).permute(2, 0, 1)[None] for picture in (under, over))
    fused = compose(*tensors, answer, strength, ratio=False)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(fused, expected, atol=1e-5)


def test_a_model_of_four_outputs_has_no_mixing_weight_of_chroma() -> None:
    titles = [m.title for m in pair_maps.structure_maps(torch.zeros(1, 4, 2, 2), torch.ones(1, 1, 1, 1))]
    assert len(titles) == 4
    assert not any("weight of chroma" in title for title in titles)


def test_a_context_model_shows_pictures_context_and_maps(sheets) -> None:
    under, over = under_and_over()
    files = inspect_model(tiny_weights(), (under, over))
    assert list(files) == ["combining.png", "filtering.png", "context.png", "maps.png"]
    context, maps = list(sheets.values())[:2]
    assert [panel.title for panel in context] == [
        f"added to {name}" for name in ("hidden 0", "hidden 1", "hidden 2", *ANSWERS)
    ]
    photographs = [panel for panel in maps if isinstance(panel, Photograph)]
    assert [panel.title for panel in photographs] == ["under", "over", "fused"]
    np.testing.assert_array_equal(photographs[0].pixels, under)
    assert all(panel.values.shape == under.shape[:2] for panel in maps[3:])


def test_the_papers_model_shows_what_each_sub_network_adds(sheets) -> None:
    inspect_model(make_weights("paper"), under_and_over(32, 40))
    panels = next(iter(sheets.values()))
    fused = panels[2].pixels
    combining, filtering = (np.stack([panel.values for panel in panels[i : i + 3]], axis=-1) for i in (3, 6))
    assert filtering.shape == (4, 5, 3)
    blocks = filtering.repeat(8, axis=0).repeat(8, axis=1)
    np.testing.assert_allclose(fused, (np.tanh(combining + blocks) + 1) / 2, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(2000, 60), (1, 1), (9, 1600)])
def test_pictures_of_any_size_are_shrunk_to_be_shown(sheets, height: int, width: int) -> None:
    inspect_model(tiny_weights(), under_and_over(height, width))
    shape = list(sheets.values())[1][0].pixels.shape
    assert max(shape) == max(3, min(LONG_SIDE, max(height, width)))


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


def test_negative_is_blue_positive_red_and_zero_white_where_both_are_there() -> None:
    drawn = pixels(draw_sheet("signs", [HeatMap("", np.array([[-1.0, 0.0, 0.5]]))], 1, (4, 2)))
    colours = {tuple(colour) for colour in drawn.reshape(-1, 3)}
    assert any(b > r + 60 for r, _, b in colours)
    assert any(r > b + 60 for r, _, b in colours)
    assert heat_maps._colouring(HeatMap("", np.zeros((1, 1))), -1.0, 0.5)[1:] == (-1.0, 1.0)


def test_values_of_one_sign_use_the_whole_range_of_their_colour() -> None:
    panel = HeatMap("", np.zeros((1, 1)))
    assert heat_maps._colouring(panel, 0.5, 0.7) == ("Reds", 0.5, 0.7)
    assert heat_maps._colouring(panel, -3.0, -2.0) == ("Blues_r", -3.0, -2.0)
    assert heat_maps._colouring(panel, 0.0, 0.0) == ("RdBu_r", -1.0, 1.0)
    assert heat_maps._colouring(HeatMap("", np.zeros((1, 1)), signed=False, limits=(0, 1)), 0.2, 0.3)[1:] == (0, 1)


def test_a_whole_sheet_is_drawn(sheets) -> None:
    """Flat, empty and long maps, and more places than panels."""
    maps = [
        HeatMap("flat", np.zeros((3, 4))),
        HeatMap("nothing", np.full((2, 2), np.nan)),
        HeatMap("a", np.ones((1, 90))),
    ]
    small = HeatMap("small", np.eye(3), rows=list("abc"), columns=list("xyz"), notes=[(0, 0, "here")])
    drawn = pixels(draw_sheet("all", [*maps, small, Photograph("photograph", np.full((5, 5, 3), 0.5))], 3, (2, 2)))
    assert drawn.shape == (495, 660, 3)
    assert (drawn == [127, 127, 127]).all(axis=2).any()
