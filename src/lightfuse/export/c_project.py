"""The parts of an exported C project that are files already: templates and headers made whole."""

from importlib import resources

_SHARED = '#include "rows_shared.h"\n'


def template(name: str) -> str:
    """One of the files in ``c_files``, as it lies there."""
    return (resources.files("lightfuse.export") / "c_files" / name).read_text(encoding="utf-8")


def rows_header(family: str) -> str:
    """``lightfuse_rows.h`` for ``context``, ``paper`` or ``int8``, with what all three share in place."""
    return template(f"rows_{family}.h").replace(_SHARED, template("rows_shared.h"))


def makefile(headers: str, libraries: str) -> str:
    """The Makefile of a project with these headers, linked with these libraries."""
    return template("Makefile").replace("@HEADERS@", headers).replace("@LIBRARIES@", libraries)
