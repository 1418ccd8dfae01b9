"""How much working memory the whole-number `lf_fuse_rows` asks for, without a compiler."""

from lightfuse.models import ContextConfig


def int8_rows_bytes(config: ContextConfig, width: int, height: int, pixel_bytes: int) -> int:
    """Bytes for a picture fused row by row, at most: what `lf_fuse_rows_bytes` counts in C."""
    rows, columns = config.thumbnail_size(height, width)
    n, widest, cells = config.channels, max(config.channels, 6), rows * columns
    shared = 2 * 6 * cells + 2 * width * pixel_bytes
    first_level = 2 * (n * cells // 4)
    below = sum(n * (cells >> 2 * level) for level in range(2, config.levels + 1))
    below += 18 * columns + 3 * widest * columns // 2
    second_pass = (3 * n + 3 * config.context_channels + n + widest) * columns + 2 * width
    return shared + max(4 * 12 * columns, first_level + 2 * max(below, second_pass))
