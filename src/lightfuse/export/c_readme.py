"""The README of an exported C project: how to use the files and what they cost, told without a compiler."""

from lightfuse.export.c_weights import c_name
from lightfuse.models import Config, PaperConfig, Weights, config_of
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

# Of `lf_fuse_rows`, for pictures of these sizes and of 8 and 16 bits.
SIZES = ((640, 480), (1920, 1080), (4000, 3000), (6000, 4000))
MEMORY_KB = {
    "paper": ((222, 283), (629, 813), (1286, 1670), (1917, 2493)),
    "small": ((681, 685), (719, 731), (702, 726), (775, 811)),
    "base": ((932, 935), (979, 991), (952, 976), (1048, 1084)),
}

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


def _memory_table(config: Config) -> str:
    """A Markdown table of working memory for pictures of several sizes, where the model has a shipped one's shape."""
    known = [name for name in MEMORY_KB if config_of(name) == config]
    if not known:
        return "What `lf_fuse_rows_bytes` says."
    rows = [
        f"| {width}×{height} | {width * height / 1e6:.1f} | {eight:,} kB | {sixteen:,} kB |"
        for (width, height), (eight, sixteen) in zip(SIZES, MEMORY_KB[known[0]], strict=True)
    ]
    return "\n".join(["| picture | megapixels | 8 bit | 16 bit |", "|---|---|---|---|", *rows])
