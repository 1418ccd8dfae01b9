"""A model as LiteRT wants it: colours last (extra: litert)."""

from torch import Tensor

from lightfuse.export.fixed_size import FixedSize


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
