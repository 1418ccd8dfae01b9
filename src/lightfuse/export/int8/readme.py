"""The README beside the whole-number C files: how to use them and what they cost."""

from functools import partial

from lightfuse.export.c_memory import memory_table
from lightfuse.export.c_text import c_name
from lightfuse.export.int8.header import int8_bytes
from lightfuse.export.int8.memory import int8_rows_bytes
from lightfuse.export.int8.model import Int8Model
from lightfuse.models.config import cost

# Code and constants of lf_fuse_rows, -Os, Clang 22.
CODE_KB = {"Cortex-M0": 7, "riscv32imc": 8, "x86-64": 11}

_SIZES = ((320, 240), (640, 480), (1920, 1080), (4000, 3000))

_TEXT = """\
# LightFuse in C, in whole numbers: model {model}

Fuses an under- and an over-exposed picture of one scene on processors without floating point: weights have 8 bits, what
layers hand on 16, sums 32. Plain C11 without libm, allocation, threads
or files; compilers may call memset and their own integer division.

| file | what it is |
|---|---|
| `lightfuse_rows.h` | a picture fused row by row, in memory that does not grow with its height |
| `lightfuse_{name}_weights.h` | the model, `lightfuse_{name}` |
| `main.c` | an example: fuses two PPM files of 8 or 16 bits |
| `Makefile` | `make`, then `./lightfuse under.ppm over.ppm fused.ppm`; `make size` counts bytes |

Fill a `lf_rows` with the size and two functions, one that reads a row of a picture and one that takes a row of the
result; hand `lf_fuse_rows` as many bytes as `lf_fuse_rows_bytes` says. Every row of both pictures is read twice, in
order. Sides may be up to 65,535 pixels. The result is the same, bit for bit, on every processor.

## Quality

{quality}

## Cost

- Weights, biases, scales and curves: {bytes:,} bytes.
- Code and constants, without those, `-Os`: {code}.
- Multiply-adds per pixel: {products:,}, and those on the thumbnail, whose size does not grow with the picture;
  one division a pixel.
- Working memory for `lf_fuse_rows`, at most; the rows it reads and writes are counted:

{memory}
"""


def int8_readme(model: Int8Model, quality: str) -> str:
    """What the files are, how to call them, what they cost in bytes and, as ``quality`` says, in quality."""
    return _TEXT.format(
        model=" ".join(model.name.split()),
        name=c_name(model.name),
        quality=quality,
        bytes=int8_bytes(model),
        code=", ".join(f"{name} about {size} kB" for name, size in CODE_KB.items()),
        products=cost(model.config).multiply_adds,
        memory=memory_table(_SIZES, partial(int8_rows_bytes, model.config)),
    )
