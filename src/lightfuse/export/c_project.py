"""The parts of an exported C project that are files already: templates and headers made whole."""

from importlib import resources

from lightfuse.export.amalgamate import amalgamate


def template(name: str) -> str:
    """One of the files in ``c_files``, as it lies there."""
    return (resources.files("lightfuse.export") / "c_files" / name).read_text(encoding="utf-8")


def rows_header(family: str) -> str:
    """``lightfuse_rows.h`` for ``context``, ``paper`` or ``int8``, its parts in place."""
    return amalgamate(f"rows_{family}.h", template, apart=["lightfuse.h"])


def makefile(headers: str, libraries: str) -> str:
    """The Makefile of a project with these headers, linked with these libraries."""
    return template("Makefile").replace("@HEADERS@", headers).replace("@LIBRARIES@", libraries)
