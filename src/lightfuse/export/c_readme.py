"""The README of an exported C project: how to use the files and what they cost, told without a compiler."""

from lightfuse.export.c_weights import c_name
from lightfuse.models import Config, ContextConfig, PaperConfig, Weights
from lightfuse.models.config import cost

# Code and constants of the example without its weights, -Os: GCC 12 for x86-64, Clang 22 for the others.
CODE_KB = {
    "context": {"x86-64": 112, "aarch64": 49, "armv7": 59},
    "paper": {"x86-64": 35, "aarch64": 36, "armv7": 27},
}

_INTEGERS = """
Eight-bit pictures are fused in 16-bit fixed point, with the same result to the bit on every processor. No floating
point is needed for a pixel, only for the thumbnail and the FilteringNet on it, some thousand cells whatever the
picture's size. That takes a compiler that does not contract products and sums: `-ffp-contract=off`.
"""

_SIZES = ((640, 480), (1920, 1080), (4000, 3000), (6000, 4000))

_TEXT = """\
# LightFuse in C: model {model}

Fuses an under- and an over-exposed picture of one scene. C11 with the vector extensions of GCC and Clang; no library
but libm, no allocation, no threads, no files: the caller hands rows and memory in.

| file | what it is |
|---|---|
| `lightfuse.h` | the whole inference: include it in one C file |
| `lightfuse_rows.h` | a picture fused row by row, in memory that does not grow with its height |
| `lightfuse_{name}_weights.h` | the model, `lightfuse_{name}` |
| `main.c` | an example: fuses two PPM files of 8 or 16 bits |
| `Makefile` | `make`, then `./lightfuse under.ppm over.ppm fused.ppm`; `make size` counts bytes |

Two ways to call it:

- **Row by row**, for small memory: fill a `lf_rows` with the size and two functions, one that reads a row of a picture
  and one that takes a row of the result; hand `lf_fuse_rows` as many bytes as `lf_fuse_rows_bytes` says. Every row of
  both pictures is read {passes}, in order: from a card, a sensor's frame memory, or a decoder that is run anew.
- **Whole pictures**, for speed and threads: `lightfuse.h` says in its first lines which passes there are; most take
  any range of rows.

Compilers: add `-ffp-contract=off -fno-math-errno -fno-trapping-math` as the Makefile does; not `-ffast-math`. It
builds for x86-64, aarch64, armv7 with NEON (`-mcpu=cortex-a7 -mfpu=neon`), riscv64 and wasm32 (`-msimd128`), without
warnings under `-std=c11 -Wall -Wextra -pedantic`. (The header itself asks `-pedantic` not to remark that C11, unlike
C23, knows no pointers to arrays that became constant.) Results equal LightFuse's in Python to one level of 8 bits.
{arithmetic}

## Cost

- Weights: {parameters:,} numbers, {weight_bytes:,} bytes.
- Code and constants, without the weights, `-Os`: {code}.
- Multiply-adds per pixel: {products:,}{thumbnail}.
- Working memory for `lf_fuse_rows`, at most; the rows it reads and writes are counted:

{memory}
"""


def readme(weights: Weights) -> str:
    """What the files are, how to call and compile them, and what this model costs."""
    found, paper = cost(weights.config), isinstance(weights.config, PaperConfig)
    return _TEXT.format(
        model=" ".join(weights.model.split()),
        passes="twice" if paper else "three times",
        arithmetic="" if paper else _INTEGERS,
        name=c_name(weights.model),
        parameters=found.parameters,
        weight_bytes=4 * found.parameters,
        code=", ".join(f"{name} about {size} kB" for name, size in CODE_KB["paper" if paper else "context"].items()),
        products=found.multiply_adds,
        thumbnail="" if paper else ", and those on the thumbnail, whose size does not grow with the picture",
        memory=_memory_table(weights.config),
    )


PIXEL_BYTES = {"8 bit": 3, "16 bit": 6}
_FLOAT = 4
_STRIP, _WIDE_STRIP = 256, 512  # columns whose context is spread out at once, in floats and in integers
_PAPER_BAND = 16  # rows of each picture that a row of context is made of


def rows_bytes(config: Config, width: int, height: int, pixel_bytes: int) -> int:
    """Bytes of working memory for a picture fused row by row, at most: what `lf_fuse_rows_bytes` counts in C."""
    row = width * pixel_bytes
    if isinstance(config, PaperConfig):
        return 2 * _PAPER_BAND * row + (_paper_floats(width) + _paper_combining(config)) * _FLOAT
    in_integers = pixel_bytes == PIXEL_BYTES["8 bit"]
    return 2 * row + _context_bytes(config, *config.thumbnail_size(height, width), width, in_integers)


def _memory_table(config: Config) -> str:
    """A Markdown table of working memory for pictures of several sizes."""
    rows = []
    for width, height in _SIZES:
        memory = [f"{rows_bytes(config, width, height, pixel) / 1e3:,.0f} kB" for pixel in PIXEL_BYTES.values()]
        rows.append(" | ".join([f"| {width}×{height}", f"{width * height / 1e6:.1f}", *memory]) + " |")
    headings = f"| picture | megapixels | {' | '.join(PIXEL_BYTES)} |"
    return "\n".join([headings, "|---|---|" + "---|" * len(PIXEL_BYTES), *rows])


def _paper_floats(width: int) -> int:
    """Two rows of context; rings of 4, 8, 4 and 1 rows of six parted planes, each half as wide as the last."""
    full = 8 * -(-width // 8)
    rings = sum(slots * 12 * 16 * ((full >> level) // 32 + 1) for level, slots in enumerate((4, 8, 4, 1)))
    return 6 * (full // 8) + rings + 15


def _context_bytes(config: ContextConfig, rows: int, columns: int, width: int, in_integers: bool) -> int:
    """Thumbnails, and the largest of what their making, the FilteringNet and the last pass need."""
    n, cells, contexts = config.channels, rows * columns, config.context_channels
    totals = 2 * (6 * width + 16)
    coarsest = cells >> 2 * config.levels
    levels = coarsest + max(n * cells // 3 + max(66, 4 * n) * columns, 3 * cells)
    decoding = (3 * (n + 6) + n) * columns
    last = coarsest + n * cells // 4 + 2 * contexts * columns + decoding
    scratch = contexts * columns + _fixed(config) if in_integers else _combining(config)
    return 12 * cells + _FLOAT * max(totals, levels, last + scratch)


_PLACES = (_STRIP + 16) + (_WIDE_STRIP + 32) // 2 + 1 + (_WIDE_STRIP + 1) + _WIDE_STRIP


def _fixed(config: ContextConfig) -> int:
    """Weights of 32 bits, and two rows of context for a strip."""
    return 3 * 32 * 33 + 2 * 37 + 5 + config.context_channels * _WIDE_STRIP + 32 + _PLACES + 15


def _combining(config: ContextConfig) -> int:
    """Two rows of context for a strip, every weight there may be, where columns lie; vectors of 16 floats at most."""
    return 2 * (config.context_channels * _STRIP + 16) + 3 * 32 * 32 + 32 + 2 * 37 + _PLACES + 15


def _paper_combining(config: PaperConfig) -> int:
    first, second = config.hidden
    return 7 * first + second * (first + 4) + 3
