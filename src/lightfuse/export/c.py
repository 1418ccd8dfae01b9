"""A model as C: one header, the weights, an example, a Makefile, and what it costs."""

import re
from collections.abc import Callable
from importlib import resources

from lightfuse.export import readme
from lightfuse.models import PaperConfig, Weights
from lightfuse.models.store import core_members

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


def export_c(weights: Weights) -> dict[str, bytes]:
    """The files of a C project that fuses with these weights, by name.

    ``lightfuse.h`` is the core in one file; ``lightfuse_rows.h`` fuses row by row in little memory;
    ``lightfuse_NAME_weights.h`` declares the model; ``main.c`` fuses two PPM files.
    """
    family = "paper" if isinstance(weights.config, PaperConfig) else "context"
    name, shared = c_name(weights.model), '#include "rows_shared.h"'
    texts = {
        "lightfuse.h": _REMARKS_OFF + amalgamated_core() + _REMARKS_ON,
        "lightfuse_rows.h": _template(f"rows_{family}.h").replace(shared, _template("rows_shared.h").strip("\n")),
        f"lightfuse_{name}_weights.h": weights_header(weights),
        "main.c": _template("main.c").replace("@MODEL@", name),
        "Makefile": _template("Makefile").replace("@NAME@", name),
        "README.md": readme("c", weights, name=name, weight_bytes=4 * weights.parameters),
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


# ---- Weights ---------------------------------------------------------------------------------------------------------

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
    prefix, names = f"lightfuse_{c_name(weights.model)}", dict[int, str]()
    arrays, fields = [], []
    for member, value in core_members(weights).items():
        if isinstance(value, int):
            fields.append(f"    .{member} = {value},")
            continue
        if id(value) not in names:  # Levels may share an array.
            names[id(value)] = f"{prefix}_{c_name(member)}"
            texts = [f"{number:.9g}" for number in value.ravel()]  # From which every float32 is read back as it was.
            texts = [f"{text if set(text) & set('.e') else text + '.0'}f" for text in texts]
            lines = [f"    {', '.join(texts[at : at + 8])}," for at in range(0, len(texts), 8)]
            arrays += [f"static const float {names[id(value)]}[{len(texts)}] = {{", *lines, "};"]
        fields.append(f"    .{member} = {names[id(value)]},")
    return _HEADER.format(
        model=" ".join(weights.model.replace("*/", "").split()),  # It cannot end the comment it stands in.
        count=weights.parameters,
        bytes=4 * weights.parameters,
        guard=f"{prefix}_weights_h".upper(),
        arrays="\n".join(arrays),
        kind="lf_paper" if isinstance(weights.config, PaperConfig) else "lf_context_model",
        prefix=prefix,
        fields="\n".join(fields),
    )


def c_name(model: str) -> str:
    """A model's name as part of C's names: ``paper-wide`` is ``paper_wide``."""
    return re.sub(r"\W", "_", model, flags=re.ASCII)
