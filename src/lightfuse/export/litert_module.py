"""A model as a torch module for pictures of one size, which is what LiteRT takes (extra: litert)."""

import torch
from torch import Tensor, nn

from lightfuse.networks.context import ContextModel
from lightfuse.networks.models import from_weights
from lightfuse.weights import Weights


class FixedSize(nn.Module):
    """The model with the order of the pictures found inside, on 1×H×W×3; area averages are products with constants."""

    def __init__(self, weights: Weights, height: int, width: int) -> None:
        super().__init__()
        self.model = from_weights(weights)
        self.by_rows, self.by_columns = torch.empty(0), torch.empty(0)
        if isinstance(self.model, ContextModel):
            rows, columns = self.model.config.thumbnail_size(height, width)
            self.by_rows, self.by_columns = averaging(height, rows), averaging(width, columns)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Fuse two pictures, 1×H×W×3 in [0, 1], in either order."""
        swap = first.mean() > second.mean()
        pair = torch.where(swap, second, first), torch.where(swap, first, second)
        under, over = (picture.permute(0, 3, 1, 2) for picture in pair)
        if not isinstance(self.model, ContextModel):
            return self.model(under, over).permute(0, 2, 3, 1)  # type: ignore[no-any-return]
        thumbnail = torch.cat([self._thumbnail(picture) for picture in pair], dim=1)
        grid, strength = self.model.context(thumbnail)
        context = torch.nn.functional.interpolate(grid, size=under.shape[-2:], mode="bilinear", align_corners=False)
        fused: Tensor = self.model.combining(under, over, context, strength)
        return fused.clamp(0, 1).permute(0, 2, 3, 1)

    def _thumbnail(self, picture: Tensor) -> Tensor:
        """1×H×W×3 to 1×3×h×w, by products of plain matrices: the converter mistakes the axes of others."""
        _, height, width, _ = picture.shape
        rows = (self.by_rows @ picture.reshape(height, width * 3)).reshape(-1, width, 3).permute(1, 0, 2)
        cells = (self.by_columns @ rows.reshape(width, -1)).reshape(self.by_columns.shape[0], -1, 3)
        return cells.permute(2, 1, 0)[None]


def averaging(side: int, cells: int) -> Tensor:
    """The matrix, cells×side, that takes means of a line as `adaptive_avg_pool2d` does."""
    averaged: Tensor = torch.nn.functional.adaptive_avg_pool1d(torch.eye(side)[None], cells)[0].T.contiguous()
    return averaged
