"""Drawings of a model: its filters as heat maps, and what its two sub-networks make of a pair of pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lightfuse.brackets.bracket import brightness, darkest_first, in_srgb
from lightfuse.images import encode_picture, read_picture
from lightfuse.metrics.pictures import Picture, as_units
from lightfuse.models import Config, ContextConfig, Weights
from lightfuse.models.config import OUTPUTS, parameter_shapes
from lightfuse.models.context import adjustments
from lightfuse.models.networks import from_weights
from lightfuse.models.paper import PaperModel, normalise, pad_to_stride
from lightfuse.sheets import Cell, Pixels, framed, heading, rows_of, shrink, stack

Values = NDArray[np.floating[Any]]

LONG_SIDE = 768  # pixels that a pair is shrunk to before it is inspected
INPUTS = ("under R", "under G", "under B", "over R", "over G", "over B")
"""What the six input channels of every model hold."""

_CELL = 400  # pixels a panel is enlarged or shrunk to
_NOT_A_VALUE = (70, 70, 70)
# Diverging colours: dark blue, white at 0, dark red (the ends of ColorBrewer's RdBu).
_BLUE, _WHITE, _RED = (5, 48, 97), (255, 255, 255), (103, 0, 31)


@dataclass(frozen=True)
class Panel:
    """A drawing of H×W numbers (NaN where there is none) or of an RGB picture, H×W×3 in [0, 1].

    ``title`` says what it shows; the range of the values is added. ``labels`` name rows, columns or kernels. ``limits``
    are the values of the darkest and lightest grey; without them negative values are blue, 0 white, positive ones red.
    """

    title: str
    values: Values
    labels: tuple[str, ...] = ()
    limits: tuple[float, float] | None = None


Sheet = tuple[str, list[Panel]]  # a title and the panels below it


def inspect_model(weights: Weights, pair: tuple[Picture, Picture] | None = None) -> dict[str, bytes]:
    """Draw a model as PNG files by name: its filters, and with a pair of pictures what it makes of them.

    ``combining.png`` and ``filtering.png`` show every filter. With a pair (RGB, H×W×3, uint8, uint16 or float in
    [0, 1], under first), for a context model: ``context.png``, the channels of the context, and ``maps.png``, how the
    pictures are mixed and their luma and chroma changed; for the paper's model: ``contributions.png``, what each
    sub-network adds. Raises PictureError where the pair is no such pictures, or they differ in size.
    """
    sheets = {f"{part}.png": filter_panels(weights, part) for part in ("combining", "filtering")}
    if pair is not None:
        sheets |= pair_panels(weights, *pair)
    return {name: encode_picture(draw_sheet(*sheet), ".png") for name, sheet in sheets.items()}


def read_pair(first: Path, second: Path) -> tuple[Picture, Picture]:
    """Read two pictures, the darker as under. Raises PictureError where one cannot be read."""
    pictures = [in_srgb(read_picture(path)) for path in (first, second)]
    under, over = darkest_first([brightness(picture) for picture in pictures])
    return pictures[under], pictures[over]


def filter_panels(weights: Weights, part: str) -> Sheet:
    """The layers of a sub-network, ``combining`` or ``filtering``, from its weights.

    Pointwise layers are matrices, a row an output, a column an input and one more for the bias; depthwise 3×3 kernels
    lie side by side.
    """
    names = [name for name in parameter_shapes(weights.config) if name.startswith(f"{part}.")]
    learned = sum(weights.tensors[name].size for name in names)
    title = f"{part.capitalize()}Net of {weights.model}: {learned:,} parameters"
    return title, [_layer(weights, name.removesuffix(".weight")) for name in names if name.endswith(".weight")]


@torch.no_grad()
def pair_panels(weights: Weights, under: Picture, over: Picture) -> dict[str, Sheet]:
    """The sheets of a pair by file name (see `inspect_model`); PictureError where the pictures differ in size."""
    pair = as_units(under, over, names=("under", "over"))
    shrunk = [np.ascontiguousarray(shrink(picture, LONG_SIDE, LONG_SIDE).transpose(2, 0, 1)) for picture in pair]
    dark, bright = (torch.from_numpy(planes)[None] for planes in shrunk)
    model, name = from_weights(weights), weights.model
    pictures = {"under": dark, "over": bright, "fused": model(dark, bright)}
    panels = [Panel(title, picture[0].permute(1, 2, 0).numpy()) for title, picture in pictures.items()]
    if isinstance(model, PaperModel):
        stretched = torch.cat([normalise(dark), normalise(bright)], dim=1) * 2 - 1
        panels += [_map(f"CombiningNet: {c}", model.combining(stretched)[:, i]) for i, c in enumerate("RGB")]
        filtered = model.filtering(pad_to_stride(stretched))
        panels += [_map(f"FilteringNet: {c}", filtered[:, i]) for i, c in enumerate("RGB")]
        return {"contributions.png": (f"{name}: the result is (tanh(CombiningNet + FilteringNet) + 1) / 2", panels)}
    grid, strength = model.context(model.thumbnail(dark, bright))
    channels = [_map(f"added to {what}", grid[:, i]) for i, what in enumerate(context_names(model.config))]
    context = F.interpolate(grid, size=dark.shape[-2:], mode="bilinear", align_corners=False)
    panels += adjustment_maps(model.combining.answer(dark, bright, context), strength)
    size = f"{len(channels)} channels of {grid.shape[3]}×{grid.shape[2]} cells"
    how = f"how the pictures are joined (gains and offset count {strength.item():.0%})"
    return {"context.png": (f"{name}: the context, {size}", channels), "maps.png": (f"{name}: {how}", panels)}


def adjustment_maps(answer: Tensor, strength: Tensor) -> list[Panel]:
    """The mixing weights, gains and offset that answers 1×5×H×W mean (`models.context.adjustments`)."""
    decoded = adjustments(answer, strength)
    return [
        _map("mixing weight: 1 takes under, 0 over", decoded.mixing, (0, 1)),
        _map("mixing weight of chroma", decoded.chroma_mixing, (0, 1)),
        _map("luma gain: 0 keeps it", decoded.luma_gain - 1),
        _map("luma offset", decoded.luma_offset),
        _map("chroma gain: 0 keeps it", decoded.chroma_gain - 1),
    ]


def draw_sheet(title: str, panels: Sequence[Panel]) -> Pixels:
    """All panels under a title, in rows of up to four."""
    columns = min(4, max(2, math.ceil(math.sqrt(len(panels)))))
    cells = []
    for panel in panels:
        known = panel.values[np.isfinite(panel.values)]
        told = f", {known.min():.3g} to {known.max():.3g}" if panel.values.ndim == 2 and known.size else ""
        cells.append(Cell(draw_panel(panel), panel.title + told, panel.labels))
    return framed(stack([heading(title, columns * _CELL), *rows_of(cells, columns, _CELL)], gap=16))


def draw_panel(panel: Panel) -> Pixels:
    """The values in colours, small maps enlarged by a whole factor, large ones shrunk."""
    if panel.values.ndim == 3:
        colours = np.rint(255 * np.clip(panel.values, 0, 1)).astype(np.uint8)
    else:
        factor = max(1, _CELL // max(panel.values.shape))
        colours = _colours(panel.values, panel.limits).repeat(factor, axis=0).repeat(factor, axis=1)
    return shrink(colours, _CELL, _CELL)


def _colours(values: Values, limits: tuple[float, float] | None) -> Pixels:
    """Colours of H×W values, H×W×3: grey between limits, else blue below 0, white at 0, red above."""
    there = np.isfinite(values)[..., None]
    known = np.where(there, values[..., None], 0)
    if limits is not None:
        colours = 255 * np.clip((known - limits[0]) / (limits[1] - limits[0]), 0, 1)
    else:
        strength = np.abs(known) / (float(np.abs(known).max()) or 1.0)
        colours = _WHITE + strength * (np.where(known < 0, _BLUE, _RED) - np.array(_WHITE))
    return np.where(there, np.rint(colours), _NOT_A_VALUE).astype(np.uint8)


def _layer(weights: Weights, name: str) -> Panel:
    tensor, bias = weights.tensors[f"{name}.weight"], weights.tensors.get(f"{name}.bias")
    shown, (inputs, outputs) = name.split(".", 1)[1], _named(weights.config, name, tensor)
    if tensor.shape[2:] == (3, 3):
        labels = inputs if bias is None else [f"{i}, bias {b:.2g}" for i, b in zip(inputs, bias, strict=True)]
        return Panel(f"{shown}: {len(tensor)} depthwise 3×3", _tiled(tensor[:, 0]), _labels("kernels", labels))
    matrix: Values = tensor.reshape(len(tensor), -1)
    title = f"{shown}: {matrix.shape[1]} → {matrix.shape[0]}"
    if bias is not None:
        matrix, inputs = np.column_stack([matrix, bias]), [*(inputs or ["inputs"]), "bias"]
    return Panel(title, matrix, _labels("columns", inputs) + _labels("rows", outputs))


def _named(config: Config, layer: str, tensor: Values) -> tuple[Sequence[str], Sequence[str]]:
    """What a layer's inputs and its outputs are, nothing where they are features that have no name."""
    depthwise = tensor.shape[2:] == (3, 3)
    if layer.endswith(".summary"):
        inputs: Sequence[str] = ("mean of each feature", "largest of each feature")
    else:
        sees_pictures = layer.startswith("filtering.") or layer == "combining.layers.0"
        inputs = INPUTS if sees_pictures and len(INPUTS) == tensor.shape[not depthwise] else ()
    if isinstance(config, ContextConfig):
        outputs = {"combining.layers.2": list(OUTPUTS), "filtering.head": context_names(config)}
    else:
        outputs = {layer: ["R", "G", "B"] for layer in ("combining.layers.2", "filtering.mix")}
    return inputs, outputs.get(layer, ())


def _labels(kind: str, names: Sequence[str]) -> tuple[str, ...]:
    return (f"{kind}:", *names) if names else ()


def _tiled(kernels: Values) -> Values:
    """N×3×3 kernels side by side in a nearly square grid, one cell apart."""
    across = math.ceil(math.sqrt(len(kernels)))
    down = math.ceil(len(kernels) / across)
    cells = np.full((down * across, 4, 4), np.nan)
    cells[: len(kernels), :3, :3] = kernels
    return cells.reshape(down, across, 4, 4).swapaxes(1, 2).reshape(4 * down, 4 * across)[:-1, :-1]


def context_names(config: ContextConfig) -> list[str]:
    """What each channel of a context model's context is added to."""
    return [f"hidden {i}" for i in range(config.hidden[0])] + list(OUTPUTS)


def _map(title: str, values: Tensor, limits: tuple[float, float] | None = None) -> Panel:
    """The panel of 1×H×W or 1×1×H×W values."""
    return Panel(title, values.reshape(values.shape[-2:]).numpy(), limits=limits)
