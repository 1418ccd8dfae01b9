"""A context model: the thumbnail's context, smoothly enlarged, advises every pixel of the picture."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightfuse.models import ContextConfig
from lightfuse.models.context.combining import CombiningNet
from lightfuse.models.context.filtering import FilteringNet, Place
from lightfuse.models.context.scene import fill_empty, scene_weights

# Mean absolute difference of the thumbnails: up to the first they are one picture, from the second on a bracket.
_SAME_PICTURE, _BRACKET = 0.03, 0.12


class ContextModel(nn.Module):
    """FilteringNet on a thumbnail of fixed size, CombiningNet on every pixel; `small` and `base` are sizes of it."""

    def __init__(self, config: ContextConfig) -> None:
        super().__init__()
        self.config = config
        self.combining = CombiningNet(config)
        self.filtering = FilteringNet(config)

    def forward(self, under: Tensor, over: Tensor) -> Tensor:
        """Fuse pictures: two N×3×H×W, RGB in [0, 1], any size from 1×1, the darker first, to one of the same kind."""
        height, width = under.shape[-2:]
        grid, strength = self.context(self.thumbnail(under, over))
        context = F.interpolate(grid, size=(height, width), mode="bilinear", align_corners=False)
        return self.combining(under, over, context, strength).clamp(0, 1)  # type: ignore[no-any-return]

    def thumbnail(self, under: Tensor, over: Tensor) -> Tensor:
        """Both pictures area-averaged to about ``thumbnail_cells`` pixels: N×6×h×w."""
        height, width = under.shape[-2:]
        size = self.config.thumbnail_size(height, width)
        return F.adaptive_avg_pool2d(torch.cat([under, over], dim=1), size)

    def context(self, thumbnail: Tensor, windows: Sequence[Place] | None = None) -> tuple[Tensor, Tensor]:
        """The context grid (see :class:`FilteringNet`) and how much of a bracket the pair is, N×1×1×1 in [0, 1]."""
        weights = scene_weights(thumbnail) if self.config.bounded else torch.ones_like(thumbnail[:, :1])
        difference = (thumbnail[:, 3:] - thumbnail[:, :3]).abs().mean(dim=1, keepdim=True)
        difference = (difference * weights).mean(dim=(2, 3), keepdim=True) / weights.mean(dim=(2, 3), keepdim=True)
        strength = ((difference - _SAME_PICTURE) / (_BRACKET - _SAME_PICTURE)).clamp(0, 1)
        filled = fill_empty(thumbnail, weights, self.config.levels)
        return self.filtering(filled, weights, windows), strength
