"""What a model makes of one pair of pictures, as maps: each sub-network's answer and how it shapes the result."""

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lightfuse.evaluation.filter_maps import context_names
from lightfuse.evaluation.heat_maps import HeatMap, Panel, Photograph, Values, draw_sheet
from lightfuse.metrics.pictures import Floats
from lightfuse.models import ContextModel, PaperModel, Weights, from_weights
from lightfuse.models.context.combining import LUMA, compose
from lightfuse.models.paper import normalise, pad_to_stride

_PANEL_WIDTH = 4.2  # inches
_CAPTION_HEIGHT = 0.6
_FLATTEST, _TALLEST = 0.25, 1.6  # height over width of a panel


def draw_pair(weights: Weights, under: Floats, over: Floats) -> dict[str, bytes]:
    """PNG files by name, for pictures H×W×3 in [0, 1] of one size; see `lightfuse.evaluation.inspect.inspect_model`."""
    model = from_weights(weights)
    pair = _tensor(under), _tensor(over)
    with torch.no_grad():
        if isinstance(model, PaperModel):
            return _draw_paper(model, *pair, name=weights.model)
        return _draw_context(model, *pair, name=weights.model)


def _draw_paper(model: PaperModel, under: Tensor, over: Tensor, name: str) -> dict[str, bytes]:
    stretched = torch.cat([normalise(under), normalise(over)], dim=1) * 2 - 1
    combining, filtering = model.combining(stretched), model.filtering(pad_to_stride(stretched))
    panels: list[Panel] = _photographs(under, over, model(under, over))
    panels += [_map(f"CombiningNet: {colour}", combining[:, i]) for i, colour in enumerate("RGB")]
    panels += [_map(f"FilteringNet: {colour}", filtering[:, i]) for i, colour in enumerate("RGB")]
    title = f"{name}: the result is (tanh(CombiningNet + FilteringNet) + 1) / 2"
    return {"contributions.png": draw_sheet(title, panels, 3, _panel_size(under))}


def _draw_context(model: ContextModel, under: Tensor, over: Tensor, name: str) -> dict[str, bytes]:
    thumbnail = model.thumbnail(under, over)
    grid, strength = model.context(thumbnail)
    context = F.interpolate(grid, size=under.shape[-2:], mode="bilinear", align_corners=False)
    answer = model.combining.answer(under, over, context)

    channels = context_names(model.config)
    context_panels: list[Panel] = [_map(f"added to {what}", grid[:, i]) for i, what in enumerate(channels)]
    rows, columns = grid.shape[-2:]
    context_title = f"{name}: the context, {len(channels)} channels of {columns}×{rows} cells"

    panels = _photographs(under, over, model(under, over)) + structure_maps(answer, strength)
    title = f"{name}: how the pictures are joined (gains and offset count {strength.item():.0%})"
    return {
        "context.png": draw_sheet(context_title, context_panels, 4, _panel_size(under)),
        "maps.png": draw_sheet(title, panels, 3, _panel_size(under)),
    }


def structure_maps(answer: Tensor, strength: Tensor) -> list[Panel]:
    """The mixing weights, gains and offset that answers 1×4×H×W or 1×5×H×W mean to `compose`.

    They are measured, not recomputed: pure red, black and white pairs show what `compose` does with each pixel.
    """
    red, white, black = (_flat(colour, answer) for colour in ((1, 0, 0), (1, 1, 1), (0, 0, 0)))
    still = torch.zeros_like(strength)

    def composed(under: Tensor, over: Tensor, strength: Tensor) -> Tensor:
        return compose(under, over, answer, strength, ratio=False)

    mixed = composed(red, black, still)
    offset = composed(black, black, strength)[:, 0]
    gain = composed(white, white, strength)[:, 0] - 1 - offset
    coloured = composed(red, red, strength)
    maps: list[Panel] = [
        _map("mixing weight: 1 takes under, 0 over", (mixed * _flat(LUMA, answer)).sum(1) / LUMA[0], limits=(0, 1)),
        _map("luma gain: 0 keeps it", gain),
        _map("luma offset", offset),
        _map("chroma gain: 0 keeps it", coloured[:, 0] - coloured[:, 1] - 1),
    ]
    if answer.shape[1] == 5:
        maps.insert(1, _map("mixing weight of chroma", mixed[:, 0] - mixed[:, 1], limits=(0, 1)))
    return maps


def _photographs(under: Tensor, over: Tensor, fused: Tensor) -> list[Panel]:
    named = (("under", under), ("over", over), ("fused", fused))
    return [Photograph(name, picture[0].permute(1, 2, 0).numpy()) for name, picture in named]


def _map(title: str, values: Tensor, limits: tuple[float, float] | None = None) -> Panel:
    """The map of 1×H×W values, signed unless its limits are given."""
    shown: Values = values[0].numpy()
    return HeatMap(title, shown, signed=limits is None, limits=limits)


def _flat(colour: Iterable[float], like: Tensor) -> Tensor:
    """A picture of one colour, 1×3×H×W, as high and wide as another tensor."""
    return like.new_tensor(list(colour))[None, :, None, None].expand(1, 3, *like.shape[-2:])


def _tensor(picture: Floats) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]


def _panel_size(under: Tensor) -> tuple[float, float]:
    shape = under.shape[-2] / under.shape[-1]
    return _PANEL_WIDTH, _PANEL_WIDTH * min(max(shape, _FLATTEST), _TALLEST) + _CAPTION_HEIGHT
