"""A model as C: one header, the weights, an example, a Makefile, and what it costs."""

import re
from collections.abc import Callable
from importlib import resources

from lightfuse.export.c_weights import c_name, weights_header
from lightfuse.models import Config, PaperConfig, Weights, check_shapes, config_of
from lightfuse.models.config import cost

_INCLUDE = re.compile(r'^#include "([^"]+)"[^\n]*\n', re.MULTILINE)

Read = Callable[[str], str]
"""The text of a part, by its path as seen from the header."""

# C23 lets a pointer to arrays become one to constant arrays, C11 does not, and GCC says so when asked to be pedantic;
# Clang says where it unrolls a loop less than it was asked to; sizes and places are of several integer types.
# None of it is the reader's concern.
_REMARKS_OFF = """\
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#if defined(__clang__)
#pragma GCC diagnostic ignored "-Wpass-failed"
#endif
"""
_REMARKS_ON = "#pragma GCC diagnostic pop\n"

# Code and constants of the example without its weights, -Os: GCC 12 for x86-64, Clang 22 for the others.
CODE_KB = {
    "context": {"x86-64": 98, "aarch64": 39, "armv7": 48},
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


def export_c(weights: Weights) -> dict[str, bytes]:
    """The files of a C project that fuses with these weights, by name.

    ``lightfuse.h`` is the core in one file; ``lightfuse_rows.h`` fuses row by row in little memory;
    ``lightfuse_NAME_weights.h`` declares the model; ``main.c`` fuses two PPM files.

    Raises:
        WeightsError: the weights do not fit their model.
    """
    check_shapes(weights, f"the weights of {weights.model}")
    family = "paper" if isinstance(weights.config, PaperConfig) else "context"
    name, shared = c_name(weights.model), '#include "rows_shared.h"'
    texts = {
        "lightfuse.h": _REMARKS_OFF + amalgamated_core() + _REMARKS_ON,
        "lightfuse_rows.h": _template(f"rows_{family}.h").replace(shared, _template("rows_shared.h").strip("\n")),
        f"lightfuse_{name}_weights.h": weights_header(weights),
        "main.c": _template("main.c").replace("@MODEL@", name),
        "Makefile": _template("Makefile").replace("@NAME@", name),
        "README.md": readme(weights),
    }
    return {file: text.encode() for file, text in texts.items()}


def amalgamated_core() -> str:
    """`lightfuse.h` with every part of it in place: it includes nothing but what comes with a compiler."""
    core = resources.files("lightfuse.core")
    return amalgamate("lightfuse.h", lambda path: (core / path).read_text(encoding="utf-8"), set())


def amalgamate(path: str, read: Read, seen: set[str]) -> str:
    """A header with its ``#include "…"`` lines replaced by what they include, each header once, as guards have it.

    Headers already ``seen`` are left out. Paths are relative to the file that names them.
    """
    seen.add(path)

    def include(found: re.Match[str]) -> str:
        part = "/".join([*path.split("/")[:-1], found.group(1)])
        return "" if part in seen else amalgamate(part, read, seen).strip("\n") + "\n"

    return _INCLUDE.sub(include, read(path))


def _template(name: str) -> str:
    """One of the files in ``c_files``, as stored."""
    return (resources.files("lightfuse.export") / "c_files" / name).read_text(encoding="utf-8")


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
