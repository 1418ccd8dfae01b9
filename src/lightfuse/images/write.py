"""One picture written: whole under its own name, or not at all."""

import os
import sys
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lightfuse.errors import OutputError
from lightfuse.images.encode import encode_in_parts, encode_picture, format_of
from lightfuse.images.metadata import Metadata
from lightfuse.images.options import EncodeOptions
from lightfuse.images.place import name_is_taken, place_file
from lightfuse.images.source import display_name

STDOUT = "-"


def check_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check, before any work is done, that a picture can be written to `path` (``"-"`` is standard output).

    Raises:
        OutputError: the suffix is unknown, the file exists and `overwrite` is false, its folder is missing or closed
            to writing, or the path is a folder.
    """
    if path == STDOUT:
        if sys.stdout.isatty():
            raise OutputError("a picture cannot be shown on a terminal; send standard output to a file or a pipe")
        return
    target, name = Path(path), display_name(path)
    try:
        if target.is_dir():
            raise OutputError(f"{name} is a folder; give the file to write")
        try:
            format_of(target.suffix)
        except OutputError as error:
            raise OutputError(f"{name} cannot be written: {error}") from None
        if target.exists() and not target.is_file():
            raise OutputError(f"{name} is not a regular file and cannot be replaced")
        if os.path.lexists(target) and not overwrite:
            raise OutputError(name_is_taken(name))
        folder = _real(target).parent
        if not folder.is_dir():
            raise OutputError(f"{name} cannot be written: there is no folder {display_name(folder)}; create it first")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{name} cannot be written: the folder {display_name(folder)} is closed to writing")
    except (OSError, ValueError) as error:
        raise OutputError(f"{name} cannot be written: {_reason(error)}") from None


def write_picture(
    path: str | os.PathLike[str],
    pixels: NDArray[Any],
    metadata: Metadata | None = None,
    options: EncodeOptions | None = None,
    *,
    quality: int | None = None,
    overwrite: bool = False,
    suffix: str = ".png",
) -> None:
    """Write a picture in the format of the path's suffix; see `encode_picture` for the other arguments.

    The file appears whole or not at all: it is written under a temporary name (``.part``) beside its own and then
    moved, and the temporary file goes whatever happens. A file that appears at `path` meanwhile is not touched unless
    `overwrite` is true. Through a symbolic link, the file it points at is written.

    Args:
        path: where to write; ``"-"`` is standard output.
        suffix: the format for standard output, used for nothing else.

    Raises:
        OutputError: see `check_output` and `encode_picture`; or the disk refuses.
    """
    check_output(path, overwrite=overwrite)
    if path == STDOUT:
        _send(encode_picture(pixels, suffix, metadata, options, quality=quality))
        return
    try:
        parts = encode_in_parts(pixels, Path(path).suffix, metadata, options, quality=quality)
    except OutputError as error:
        raise OutputError(f"{display_name(path)} cannot be written: {error}") from None
    place_file(path, parts, overwrite=overwrite)


def _send(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {_reason(error)}") from None


def _real(target: Path) -> Path:
    return Path(os.path.realpath(target))


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
