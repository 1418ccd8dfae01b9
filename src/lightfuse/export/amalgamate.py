"""A C header and the parts it includes, made one file."""

import re
from collections.abc import Callable, Collection
from importlib import resources

_INCLUDE = re.compile(r'^#include "([^"]+)"[^\n]*\n', re.MULTILINE)
_GUARD = re.compile(r"^#ifndef (\w+)\n#define \1\n", re.MULTILINE)

Read = Callable[[str], str]
"""The text of a part, by its path as seen from the header."""


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
