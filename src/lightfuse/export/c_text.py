"""Names, arrays and braces, as C writes them."""

import re
from collections.abc import Iterable


def c_name(model: str) -> str:
    """A model's name as part of C's names: ``paper-wide`` is ``paper_wide``."""
    return re.sub(r"\W", "_", model, flags=re.ASCII)


def c_array(kind: str, name: str, values: Iterable[str], per_line: int) -> list[str]:
    """The lines that declare a constant array of literals."""
    texts = list(values)
    lines = [", ".join(texts[at : at + per_line]) for at in range(0, len(texts), per_line)]
    return [f"static const {kind} {name}[{len(texts)}] = {{", *(f"    {line}," for line in lines), "};"]


def braced(parts: Iterable[str]) -> str:
    """An initialiser."""
    return "{" + ", ".join(parts) + "}"


def in_comment(text: str) -> str:
    """A name that cannot end the comment it stands in."""
    return " ".join(text.replace("*/", "").split())


def weights_header_text(
    prefix: str, about: str, includes: str, arrays: Iterable[str], kind: str, fields: Iterable[str]
) -> str:
    """A whole header: arrays, and the constant struct ``prefix`` of type ``kind`` that points at them."""
    guard = f"{prefix}_weights_h".upper()
    return "\n".join(
        [
            f"/* {about} Generated. */",
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            f'#include "{includes}"',
            "",
            *arrays,
            "",
            f"static const {kind} {prefix} = {{",
            *(f"    {field}," for field in fields),
            "};",
            "",
            "#endif",
            "",
        ]
    )
