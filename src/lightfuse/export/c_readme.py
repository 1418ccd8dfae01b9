"""The README beside the C files: how to use them and what they cost."""

from functools import partial

from lightfuse.export.c_memory import memory_table, rows_bytes
from lightfuse.export.c_text import c_name
from lightfuse.models import PaperConfig, Weights
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
        stack="about 150 kB with two hidden layers of 256, which is the most; less for others"
        if paper
        else "under 16 kB",
        memory=memory_table(_SIZES, partial(rows_bytes, weights.config)),
    )
