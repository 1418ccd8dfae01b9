"""A model as a torch module that other engines' converters take: the pictures' order and the thumbnail found inside."""

import torch
from torch import Tensor, nn

from lightfuse.models import ContextConfig, Weights
from lightfuse.models.context import ContextModel
from lightfuse.models.networks import from_weights

_CERTAIN = 1e9


class AnySize(nn.Module):
    """The model on 1×3×H×W in [0, 1], for ONNX, in which height and width stay free.

    Area averages are differences of running sums: one pass over the pixels, whatever the sizes.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.model = from_weights(weights)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Fuse two pictures, in either order."""
        swap = first.float().mean() > second.float().mean()
        return self.fuse(torch.where(swap, second, first), torch.where(swap, first, second))

    def fuse(self, under: Tensor, over: Tensor, top: float = 1.0) -> Tensor:
        """Fuse two pictures of values from 0 to ``top``, 1×3×H×W, the darker first, into one in [0, 1]."""
        pictures = under / top, over / top
        if not isinstance(self.model, ContextModel):
            return self.model(*pictures)  # type: ignore[no-any-return]
        thumbnail = torch.cat([self.thumbnail(under), self.thumbnail(over)], dim=1) / top
        return self.model(*pictures, thumbnail)  # type: ignore[no-any-return]

    def thumbnail(self, picture: Tensor) -> Tensor:
        """1×3×H×W to 1×3×h×w: `ContextConfig.thumbnail_size` and `adaptive_avg_pool2d` in traceable operations."""
        config = self.model.config
        assert isinstance(config, ContextConfig)
        multiple, sides = 2**config.levels, [torch.as_tensor(side) for side in picture.shape[-2:]]
        scale = (config.thumbnail_cells / (sides[0] * sides[1]).double()).sqrt()
        most = max(1, config.thumbnail_cells // multiple**2)
        for axis, side in zip((2, 3), sides, strict=True):
            cells = (side.double() * scale / multiple + 0.5).floor().clamp(1, most).long() * multiple
            picture = _averaged(picture, axis, side, cells)
        return picture


class AnySizeOf8Bits(AnySize):
    """The model on H×W×3 of uint8, as decoders give pictures."""

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Fuse two pictures, in either order."""
        first, second = (picture.permute(2, 0, 1)[None].int() for picture in (first, second))
        return (super().forward(first, second)[0].permute(1, 2, 0) * 255).round().to(torch.uint8)

    def fuse(self, under: Tensor, over: Tensor, top: float = 255.0) -> Tensor:
        """Fuse two pictures of integers, 1×3×H×W, the darker first, into one in [0, 1]."""
        return super().fuse(under, over, top)


def _averaged(planes: Tensor, axis: int, side: Tensor, cells: Tensor) -> Tensor:
    """Means along one axis of 1×3×H×W over ``cells`` equal parts of its ``side`` pixels, which may share a pixel.

    Cell i covers the pixels from floor(i·side/cells) to ceil((i+1)·side/cells).
    """
    i = torch.arange(cells)  # type: ignore[call-overload]
    first = torch.div(i * side, cells, rounding_mode="floor")
    last = torch.div((i + 1) * side + cells - 1, cells, rounding_mode="floor") - 1
    running = planes.cumsum(axis, dtype=planes.dtype)
    total = running.index_select(axis, last) - running.index_select(axis, first) + planes.index_select(axis, first)
    count = (last - first + 1).float()
    return total.float() / (count[:, None] if axis == 2 else count)


class FixedSize(AnySize):
    """The model on 1×3×H×W of one size; area averages are products with constants.

    Made of what phones' runtimes have layers for: no choice between tensors, no sums along a line.
    """

    def __init__(self, weights: Weights, height: int, width: int) -> None:
        super().__init__(weights)
        self.by_rows, self.by_columns = torch.empty(0), torch.empty(0)
        if isinstance(self.model, ContextModel):
            rows, columns = self.model.config.thumbnail_size(height, width)
            self.by_rows, self.by_columns = _averaging(height, rows), _averaging(width, columns)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Fuse two pictures in [0, 1], in either order."""
        swap = ((first.mean() - second.mean()) * _CERTAIN).clamp(0, 1)
        return self.fuse(first + swap * (second - first), second + swap * (first - second))

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
