"""A model as a torch module for pictures of one size, which is what LiteRT and ncnn take."""

import torch
from torch import Tensor, nn

from lightfuse.models import Weights
from lightfuse.models.context import ContextModel
from lightfuse.models.networks import from_weights

_CERTAIN = 1e9


class FixedSize(nn.Module):
    """The model on 1×3×H×W, the order of the pictures found inside; area averages are products with constants.

    Made of what phones' runtimes have layers for: no choice between tensors, no sums along a line.
    """

    def __init__(self, weights: Weights, height: int, width: int) -> None:
        super().__init__()
        self.model = from_weights(weights)
        self.by_rows, self.by_columns = torch.empty(0), torch.empty(0)
        if isinstance(self.model, ContextModel):
            rows, columns = self.model.config.thumbnail_size(height, width)
            self.by_rows, self.by_columns = _averaging(height, rows), _averaging(width, columns)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Fuse two pictures in [0, 1], in either order."""
        swap = ((first.mean() - second.mean()) * _CERTAIN).clamp(0, 1)
        return self.fuse(first + swap * (second - first), second + swap * (first - second))

    def fuse(self, under: Tensor, over: Tensor) -> Tensor:
        """Fuse two pictures, 1×3×H×W, the darker first."""
        if not isinstance(self.model, ContextModel):
            return self.model(under, over)  # type: ignore[no-any-return]
        thumbnail = torch.cat([self.thumbnail(under), self.thumbnail(over)], dim=1)
        grid, strength = self.model.context(thumbnail)
        context = torch.nn.functional.interpolate(grid, size=under.shape[-2:], mode="bilinear", align_corners=False)
        fused: Tensor = self.model.combining(under, over, context, strength)
        return fused.clamp(0, 1)

    def thumbnail(self, picture: Tensor) -> Tensor:
        """1×3×H×W to 1×3×h×w."""
        return self.by_rows @ picture @ self.by_columns.T


class ChannelsLast(FixedSize):
    """The model on 1×H×W×3."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Fuse two pictures in [0, 1], in either order."""
        return super().forward(first.permute(0, 3, 1, 2), second.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)

    def thumbnail(self, picture: Tensor) -> Tensor:
        """1×3×H×W to 1×3×h×w, by products of plain matrices: the converter mistakes the axes of others."""
        _, _, height, width = picture.shape
        pixels = picture.permute(0, 2, 3, 1)
        rows = (self.by_rows @ pixels.reshape(height, width * 3)).reshape(-1, width, 3).permute(1, 0, 2)
        cells = (self.by_columns @ rows.reshape(width, -1)).reshape(self.by_columns.shape[0], -1, 3)
        return cells.permute(2, 1, 0)[None]


def _averaging(side: int, cells: int) -> Tensor:
    """The matrix, cells×side, that takes means of a line as `adaptive_avg_pool2d` does."""
    averaged: Tensor = torch.nn.functional.adaptive_avg_pool1d(torch.eye(side)[None], cells)[0].T.contiguous()
    return averaged
