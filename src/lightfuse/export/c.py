"""A model as C: one header, the weights, an example, a Makefile, and what it costs."""

import re
from collections.abc import Callable, Collection
from importlib import resources

from lightfuse.export.c_readme import readme
from lightfuse.export.c_weights import c_name, weights_header
from lightfuse.models import PaperConfig, Weights, check_shapes

_INCLUDE = re.compile(r'^#include "([^"]+)"[^\n]*\n', re.MULTILINE)
_GUARD = re.compile(r"^#ifndef (\w+)\n#define \1\n", re.MULTILINE)

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


def export_c(weights: Weights) -> dict[str, bytes]:
    """The files of a C project that fuses with these weights, by name.

    ``lightfuse.h`` is the core in one file; ``lightfuse_rows.h`` fuses row by row in little memory;
    ``lightfuse_NAME_weights.h`` declares the model; ``main.c`` fuses two PPM files.

    Raises:
        WeightsError: the weights do not fit their model.
    """
    check_shapes(weights, f"the weights of {weights.model}")
    family = "paper" if isinstance(weights.config, PaperConfig) else "context"
    name = c_name(weights.model)
    texts = {
        "lightfuse.h": _REMARKS_OFF + amalgamated_core() + _REMARKS_ON,
        "lightfuse_rows.h": _rows_header(family),
        f"lightfuse_{name}_weights.h": weights_header(weights),
        "main.c": _template("main.c").replace("@MODEL@", name),
        "Makefile": _makefile(f"lightfuse.h lightfuse_rows.h lightfuse_{name}_weights.h", libraries=" -lm"),
    }
    texts["README.md"] = readme(weights)
    return {file: text.encode() for file, text in texts.items()}


def amalgamated_core() -> str:
    """`lightfuse.h` with every part of it in place: it includes nothing but what comes with a compiler."""
    core = resources.files("lightfuse.core")
    return amalgamate("lightfuse.h", lambda path: (core / path).read_text(encoding="utf-8"))


def amalgamate(header: str, read: Read, apart: Collection[str] = ()) -> str:
    """A header with its ``#include "…"`` lines replaced by what they include, but for files that stay ``apart``.

    A part with an include guard is put in once, where it is first met; one without, each time it is named, as the
    preprocessor would. Paths are relative to the file that names them.
    """
    return _inlined(header, read, apart, set())


def _inlined(path: str, read: Read, apart: Collection[str], seen: set[str]) -> str:
    text = read(path)
    if _GUARD.search(text):
        seen.add(path)

    def include(found: re.Match[str]) -> str:
        part = "/".join([*path.split("/")[:-1], found.group(1)])
        if part in apart:
            return found.group()
        return "" if part in seen else _inlined(part, read, apart, seen).strip("\n") + "\n"

    return _INCLUDE.sub(include, text)


def _template(name: str) -> str:
    """One of the files in ``c_files``, as stored."""
    return (resources.files("lightfuse.export") / "c_files" / name).read_text(encoding="utf-8")


def _rows_header(family: str) -> str:
    """``lightfuse_rows.h`` for ``context`` or ``paper``, its parts in place."""
    return amalgamate(f"rows_{family}.h", _template, apart=["lightfuse.h"])


def _makefile(headers: str, libraries: str) -> str:
    """The Makefile of a project with these headers, linked with these libraries."""
    return _template("Makefile").replace("@HEADERS@", headers).replace("@LIBRARIES@", libraries)
