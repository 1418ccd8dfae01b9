"""The README of an exported C project: how to use the files and what they cost, told without a compiler."""

from lightfuse.export.c_weights import c_name
from lightfuse.models import Config, ContextConfig, PaperConfig, Weights
from lightfuse.models.config import cost

# Code and constants of the example without its weights, -Os: GCC 12 for x86-64, Clang 22 for the others.
CODE_KB = {
    "context": {"x86-64": 68, "aarch64": 24, "armv7": 29},
    "paper": {"x86-64": 35, "aarch64": 36, "armv7": 27},
}

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
  both pictures is read twice, in order: from a card, a sensor's frame memory, or a decoder that is run twice.
- **Whole pictures**, for speed and threads: `lightfuse.h` says in its first lines which passes there are; most take
  any range of rows.

Compilers: add `-ffp-contract=fast -fno-math-errno -fno-trapping-math` as the Makefile does; not `-ffast-math`. It
builds for x86-64, aarch64, armv7 with NEON (`-mcpu=cortex-a7 -mfpu=neon`), riscv64 and wasm32 (`-msimd128`), without
warnings under `-std=c11 -Wall -Wextra -pedantic`. (The header itself asks `-pedantic` not to remark that C11, unlike
C23, knows no pointers to arrays that became constant.) Results equal LightFuse's in Python to one level of 8 bits.

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
_STRIP = 256  # columns whose context is spread out at once
_PAPER_BAND = 16  # rows of each picture that a row of context is made of


def rows_bytes(config: Config, width: int, height: int, pixel_bytes: int) -> int:
    """Bytes of working memory for a picture fused row by row, at most: what `lf_fuse_rows_bytes` counts in C."""
    row = width * pixel_bytes
    if isinstance(config, PaperConfig):
        return 2 * _PAPER_BAND * row + (_paper_floats(width) + _paper_combining(config)) * _FLOAT
    return 2 * row + _context_bytes(config, *config.thumbnail_size(height, width))


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


def _context_bytes(config: ContextConfig, rows: int, columns: int) -> int:
    """Thumbnails and the first level, then the larger of what the levels below and what the second pass need."""
    n, cells = config.channels, rows * columns
    widest = max(n, 6)
    thumbnails, first_level = 2 * 6 * cells, _FLOAT * n * cells // 4
    below = sum(n * (cells >> 2 * level) for level in range(2, config.levels + 1))
    below += 18 * columns + 3 * widest * columns // 2
    scene = _FLOAT * (2 * cells + 2 * (cells // 3 + 1))
    second_pass = (3 * n + 3 * config.context_channels + n + widest) * columns
    passes = first_level + max(_FLOAT * below, _FLOAT * second_pass + _combining(config))
    return thumbnails + max(passes, scene) + _FLOAT * (cells >> 2 * config.levels)


def _combining(config: ContextConfig) -> int:
    """Two rows of context for a strip, every weight there may be, where columns lie; vectors of 16 floats at most."""
    weights = 4 * 32 * 33 + 2 * 48
    places = (_STRIP + 16) + 1 + (_STRIP + 1) + _STRIP
    return _FLOAT * (2 * (config.context_channels * _STRIP + 16) + weights + places + 15)


def _paper_combining(config: PaperConfig) -> int:
    first, second = config.hidden
    return 7 * first + second * (first + 4) + 3
