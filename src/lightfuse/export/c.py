"""A model as C: one header, the weights, an example, a Makefile, and what it costs."""

import re
from collections.abc import Callable, Iterable, Mapping
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from lightfuse.export import readme
from lightfuse.models import ContextConfig, PaperConfig, Weights, check_shapes, config_of
from lightfuse.models.config import OUTPUTS

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
        "README.md": _readme(weights),
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


def _readme(weights: Weights) -> str:
    """What the files are, how to call and compile them, and what this model costs."""
    paper = isinstance(weights.config, PaperConfig)
    memory = ["What `lf_fuse_rows_bytes` says."]
    if known := [name for name in MEMORY_KB if config_of(name) == weights.config]:
        memory = ["| picture | megapixels | 8 bit | 16 bit |", "|---|---|---|---|"]
        for (width, height), (eight, sixteen) in zip(SIZES, MEMORY_KB[known[0]], strict=True):
            memory.append(f"| {width}×{height} | {width * height / 1e6:.1f} | {eight:,} kB | {sixteen:,} kB |")
    return readme(
        "c",
        weights,
        passes="twice" if paper else "three times",
        arithmetic="" if paper else _INTEGERS,
        name=c_name(weights.model),
        weight_bytes=4 * weights.parameters,
        code=", ".join(f"{name} about {size} kB" for name, size in CODE_KB["paper" if paper else "context"].items()),
        thumbnail="" if paper else ", and those on the thumbnail, whose size does not grow with the picture",
        memory="\n".join(memory),
    )


# ---- Weights ---------------------------------------------------------------------------------------------------------

Floats = NDArray[np.float32]


_HEADER = """\
/* The weights of LightFuse's model {model}: {count:,} numbers, {bytes:,} bytes. Generated. */
#ifndef {guard}
#define {guard}

#include "lightfuse.h"

{arrays}

static const {kind} {prefix} = {{
{fields}
}};

#endif
"""


def weights_header(weights: Weights) -> str:
    """The header that declares ``lightfuse_NAME``, a constant `lf_context_model` or `lf_paper`, from its tensors."""
    prefix, config = f"lightfuse_{c_name(weights.model)}", weights.config
    arrays, is_paper = _Arrays(prefix, weights.tensors), isinstance(config, PaperConfig)
    fields = _paper_struct(config, arrays) if isinstance(config, PaperConfig) else _context_struct(config, arrays)
    return _HEADER.format(
        model=" ".join(weights.model.replace("*/", "").split()),  # It cannot end the comment it stands in.
        count=weights.parameters,
        bytes=4 * weights.parameters,
        guard=f"{prefix}_weights_h".upper(),
        arrays="\n".join(arrays.declared),
        kind="lf_paper" if is_paper else "lf_context_model",
        prefix=prefix,
        fields="\n".join(f"    {field}," for field in fields),
    )


class _Arrays:
    """Tensors by name, each declared once as a C array when first asked for."""

    def __init__(self, prefix: str, tensors: Mapping[str, Floats]) -> None:
        self._prefix, self._tensors = prefix, tensors
        self._names: dict[str, str] = {}
        self.declared: list[str] = []

    def as_stored(self, name: str) -> str:
        """A bias, or depthwise kernels [channel][row][column], as stored."""
        return self._declare(name, self._tensors[name])

    def transposed(self, name: str) -> str:
        """A matrix of torch [out][in] as [in][out]."""
        tensor = self._tensors[name]
        return self._declare(name, tensor.reshape(tensor.shape[:2]).T)

    def has(self, name: str) -> bool:
        return name in self._tensors

    def _declare(self, name: str, tensor: Floats) -> str:
        if name not in self._names:
            self._names[name] = array = f"{self._prefix}_{c_name(name)}"
            texts = [f"{value:.9g}" for value in tensor.ravel()]  # From which every float32 is read back as it was.
            texts = [f"{text if set(text) & set('.e') else text + '.0'}f" for text in texts]
            lines = [f"    {', '.join(texts[at : at + 8])}," for at in range(0, len(texts), 8)]
            self.declared += [f"static const float {array}[{len(texts)}] = {{", *lines, "};"]
        return self._names[name]


def _context_struct(config: ContextConfig, arrays: _Arrays) -> list[str]:
    widths = (6, *config.hidden, len(OUTPUTS))
    return [
        f".thumbnail_cells = {config.thumbnail_cells}",
        f".channels = {config.channels}",
        f".levels = {config.levels}",
        f".contexts = {config.context_channels}",
        f".widths = {_braced(map(str, widths))}",
        f".first = {_separable(arrays, 'filtering.first_dw', 'filtering.first_pw')}",
        f".stem = {{NULL, {arrays.transposed('filtering.stem.weight')}, {arrays.as_stored('filtering.stem.bias')}}}",
        f".down = {_braced(_level(arrays, 'down', i) for i in range(config.levels))}",
        f".up = {_braced(_level(arrays, 'up', i) for i in range(config.levels))}",
        f".summary = {arrays.transposed('filtering.summary.weight')}",
        f".summary_bias = {arrays.as_stored('filtering.summary.bias')}",
        f".head = {arrays.transposed('filtering.head.weight')}",
        f".head_bias = {arrays.as_stored('filtering.head.bias')}",
        f".weights = {_braced(arrays.transposed(f'combining.layers.{i}.weight') for i in range(3))}",
        f".bias = {arrays.as_stored('combining.layers.1.bias')}",
    ]


def _level(arrays: _Arrays, kind: str, level: int) -> str:
    """The block of a level; the first one's where levels share."""
    own = f"filtering.{kind}.{level}"
    block = own if arrays.has(f"{own}.dw.weight") else f"filtering.{kind}.0"
    return _separable(arrays, f"{block}.dw", f"{block}.pw")


def _separable(arrays: _Arrays, depthwise: str, pointwise: str) -> str:
    return _braced(
        [
            arrays.as_stored(f"{depthwise}.weight"),
            arrays.transposed(f"{pointwise}.weight"),
            arrays.as_stored(f"{pointwise}.bias"),
        ]
    )


def _paper_struct(config: PaperConfig, arrays: _Arrays) -> list[str]:
    fields = [f".hidden1 = {config.hidden[0]}", f".hidden2 = {config.hidden[1]}"]
    for i in range(3):
        fields.append(f".w{i + 1} = {arrays.transposed(f'combining.layers.{i}.weight')}")
        fields.append(f".b{i + 1} = {arrays.as_stored(f'combining.layers.{i}.bias')}")
    for layer in ("down1", "down2", "down3"):
        fields.append(f".{layer} = {arrays.as_stored(f'filtering.{layer}.weight')}")
        if layer != "down3":
            fields.append(f".{layer}_bias = {arrays.as_stored(f'filtering.{layer}.bias')}")
    return [
        *fields,
        f".mix = {arrays.transposed('filtering.mix.weight')}",
        f".mix_bias = {arrays.as_stored('filtering.mix.bias')}",
    ]


def c_name(model: str) -> str:
    """A model's name as part of C's names: ``paper-wide`` is ``paper_wide``."""
    return re.sub(r"\W", "_", model, flags=re.ASCII)


def _braced(parts: Iterable[str]) -> str:
    """An initialiser."""
    return "{" + ", ".join(parts) + "}"
