"""How much working memory `lf_fuse_rows` asks for, without a compiler."""

from collections.abc import Callable, Iterable

from lightfuse.models import Config, ContextConfig, PaperConfig

PIXEL_BYTES = {"8 bit": 3, "16 bit": 6}
_FLOAT = 4
_STRIP = 256  # columns whose context is spread out at once
_PAPER_BAND = 16  # rows of each picture that a row of context is made of


def rows_bytes(config: Config, width: int, height: int, pixel_bytes: int) -> int:
    """Bytes of working memory for a picture fused row by row, at most: what `lf_fuse_rows_bytes` counts in C."""
    row = width * pixel_bytes
    if isinstance(config, PaperConfig):
        return 2 * _PAPER_BAND * row + (_paper_floats(width) + _paper_combining(config)) * _FLOAT
    return 2 * row + _context_bytes(config, *config.thumbnail_size(height, width))


def memory_table(sizes: Iterable[tuple[int, int]], needed: Callable[[int, int, int], int]) -> str:
    """A Markdown table of working memory for pictures of these widths and heights.

    ``needed`` gives the bytes for a width, a height and the bytes of a pixel.
    """
    rows = []
    for width, height in sizes:
        memory = [f"{needed(width, height, pixel) / 1e3:,.0f} kB" for pixel in PIXEL_BYTES.values()]
        rows.append(" | ".join([f"| {width}×{height}", f"{width * height / 1e6:.1f}", *memory]) + " |")
    headings = f"| picture | megapixels | {' | '.join(PIXEL_BYTES)} |"
    return "\n".join([headings, "|---|---|" + "---|" * len(PIXEL_BYTES), *rows])


def _paper_floats(width: int) -> int:
    """Two rows of context; rings of 4, 8, 4 and 1 rows of six parted planes, each half as wide as the last."""
    full = 8 * -(-width // 8)
    rings = sum(slots * 12 * 16 * ((full >> level) // 32 + 1) for level, slots in enumerate((4, 8, 4, 1)))
    return 6 * (full // 8) + rings + 15


def _context_bytes(config: ContextConfig, rows: int, columns: int) -> int:
    """Thumbnails and the first level, then the larger of what the levels below and what the second pass need."""
    n, cells = config.channels, rows * columns
    widest = max(n, 6)
    thumbnails, first_level = 2 * 6 * cells, _FLOAT * n * cells // 4
    below = sum(n * (cells >> 2 * level) for level in range(2, config.levels + 1))
    below += 18 * columns + 3 * widest * columns // 2
    second_pass = (3 * n + 3 * config.context_channels + n + widest) * columns
    return thumbnails + first_level + max(_FLOAT * below, _FLOAT * second_pass + _combining(config))


def _combining(config: ContextConfig) -> int:
    """Two rows of context for a strip, every weight there may be, where columns lie; vectors of 16 floats at most."""
    weights = 4 * 32 * 33 + 2 * 48
    places = (_STRIP + 16) + 1 + (_STRIP + 1) + _STRIP
    return _FLOAT * (2 * (config.context_channels * _STRIP + 16) + weights + places + 15)


def _paper_combining(config: PaperConfig) -> int:
    first, second = config.hidden
    return 7 * first + second * (first + 4) + 3
