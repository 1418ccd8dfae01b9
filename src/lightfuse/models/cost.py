"""What a model costs: parameters and multiply-adds a pixel, from its configuration alone."""

import itertools
import math
from dataclasses import dataclass

from lightfuse.models.config import Config, ContextConfig, PaperConfig
from lightfuse.models.shapes import parameter_shapes


@dataclass(frozen=True)
class Cost:
    """Numbers learned, and multiply-adds for each pixel at full resolution."""

    parameters: int
    multiply_adds: int


def cost(config: Config) -> Cost:
    """The cost of a model.

    ``paper``: every layer counted at the resolution it works at, rounded. ``context``: what is done at full resolution;
    the thumbnail's share does not grow with the picture. That is the CombiningNet's products, 2 for each context
    channel (one bilinear step along the row; the step between rows is shared by the row's pixels), and the composing
    of the answer: 3 mixing, 3 luma, 2 gain and offset, 3 chroma; 6 more for a chroma weight of its own, 2 for
    ``ratio``.
    """
    parameters = sum(math.prod(shape) for shape in parameter_shapes(config).values())
    products = _paper_products(config) if isinstance(config, PaperConfig) else _context_products(config)
    return Cost(parameters, products)


def _paper_products(config: PaperConfig) -> int:
    pointwise = sum(a * b for a, b in itertools.pairwise((6, *config.hidden, 3)))
    depthwise = sum(6 * 9 / 4**level for level in (1, 2, 3))
    return round(pointwise + depthwise + 6 * 3 / 4**3)


def _context_products(config: ContextConfig) -> int:
    pointwise = sum(a * b for a, b in itertools.pairwise((6, *config.hidden, config.outputs)))
    composing = 3 + 3 + 2 + 3 + (6 if config.outputs == 5 else 0) + (2 if config.ratio else 0)
    return pointwise + 2 * config.context_channels + composing
