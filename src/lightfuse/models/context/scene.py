"""Which part of a thumbnail shows the scene: what is black or white in both exposures, such as a border, does not."""

import torch
import torch.nn.functional as F
from torch import Tensor

# A cell counts from where the brightest channel of over rises above the first of BLACK, in full from the second on;
# likewise where the darkest channel of under falls below white. Borders of scans are a few levels above black.
BLACK = (0.02, 0.06)
WHITE = (0.94, 0.98)
SMALLEST_SCENE = 1 / 1024
"""Mean weight below which the rest of the picture counts, too: there is hardly anything else."""


def scene_weights(thumbnail: Tensor) -> Tensor:
    """How much each cell of an N×6×h×w thumbnail (under and over) shows of the scene: N×1×h×w in [0, 1]."""
    brightest = thumbnail[:, 3:].amax(dim=1, keepdim=True)
    darkest = thumbnail[:, :3].amin(dim=1, keepdim=True)
    above_black = ((brightest - BLACK[0]) / (BLACK[1] - BLACK[0])).clamp(0, 1)
    below_white = ((WHITE[1] - darkest) / (WHITE[1] - WHITE[0])).clamp(0, 1)
    weights = above_black * below_white
    floor = (1 - weights.mean(dim=(2, 3), keepdim=True) / SMALLEST_SCENE).clamp(min=0)
    return torch.maximum(weights, floor)


def fill_empty(thumbnail: Tensor, weights: Tensor, levels: int) -> Tensor:
    """The thumbnail with cells of weight 0 filled from those around them, so that the scene seems to go on there.

    A pyramid of weighted means ("push-pull", Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4): each cell
    is mixed with the coarser level as far as its weight falls short of 1, the coarsest with the mean of the scene.
    Where all weights are 1 the thumbnail is returned unchanged.

    Args:
        thumbnail: N×6×h×w, sides multiples of 2 to the power ``levels``.
        weights: N×1×h×w in [0, 1], not all 0.
        levels: how often the pyramid halves.
    """
    pyramid = [(thumbnail, weights)]
    for _ in range(levels):
        values, weights = pyramid[-1]
        total = F.avg_pool2d(weights, 2)
        values = F.avg_pool2d(values * weights, 2) / total.clamp(min=1e-6)
        pyramid.append((values, (4 * total).clamp(max=1)))
    values, weights = pyramid[0]
    filled = (values * weights).mean(dim=(2, 3), keepdim=True) / weights.mean(dim=(2, 3), keepdim=True)
    for level, (values, weights) in enumerate(reversed(pyramid)):
        coarser = filled if level == 0 else F.interpolate(filled, scale_factor=2, mode="nearest")
        filled = values * weights + coarser * (1 - weights)
    return filled
