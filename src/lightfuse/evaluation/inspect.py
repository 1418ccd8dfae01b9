"""What a model has learned, made visible: its filters, and what its two sub-networks say about a pair of pictures."""

from pathlib import Path

from lightfuse.brackets.order import brightness, darkest_first
from lightfuse.errors import PictureError
from lightfuse.evaluation.filter_maps import draw_combining, draw_filtering
from lightfuse.evaluation.pair_maps import draw_pair
from lightfuse.images import read_picture
from lightfuse.metrics.pictures import Picture, as_unit
from lightfuse.models import Weights
from lightfuse.sheets import shrink

LONG_SIDE = 768
"""Pixels that a pair is shrunk to before it is inspected."""


def inspect_model(weights: Weights, pair: tuple[Picture, Picture] | None = None) -> dict[str, bytes]:
    """PNG files by name that show a model: its filters, and with a pair of pictures what it makes of them.

    ``combining.png`` and ``filtering.png`` show every filter. With a pair (RGB, H×W×3, uint8, uint16 or float in
    [0, 1], under first), for a context model: ``context.png``, the channels of the context, and ``maps.png``, how the
    pictures are mixed, lifted and coloured; for the paper's model: ``contributions.png``, what each sub-network adds.

    Raises:
        PictureError: the pair is no such pictures, or they differ in size.
    """
    drawn_pair = {} if pair is None else _draw_pair(weights, *pair)
    return {"combining.png": draw_combining(weights), "filtering.png": draw_filtering(weights)} | drawn_pair


def read_pair(first: Path, second: Path) -> tuple[Picture, Picture]:
    """Read two pictures, the darker as under. Raises PictureError where one cannot be read."""
    pictures = [read_picture(path).pixels for path in (first, second)]
    under, over = darkest_first([brightness(picture) for picture in pictures])
    return pictures[under], pictures[over]


def _draw_pair(weights: Weights, under: Picture, over: Picture) -> dict[str, bytes]:
    dark, bright = as_unit(under, "under"), as_unit(over, "over")
    if dark.shape != bright.shape:
        sizes = " and ".join(f"{picture.shape[1]}×{picture.shape[0]}" for picture in (dark, bright))
        raise PictureError(f"the two pictures differ in size: {sizes}; resize one of them first")
    return draw_pair(weights, *(shrink(picture, LONG_SIDE, LONG_SIDE) for picture in (dark, bright)))
