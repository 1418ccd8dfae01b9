"""A file put in its place: whole under its own name, or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path

from lightfuse.errors import OutputError
from lightfuse.images.source import display_name


def place_file(path: str | os.PathLike[str], parts: Iterable[bytes | memoryview], *, overwrite: bool) -> None:
    """Write the parts, one after the other, under a temporary name (``.part``) beside the path's, then move them there.

    The temporary file goes whatever happens. Through a symbolic link, the file it points at is written.

    Raises:
        OutputError: a file is there, even since a moment ago, and `overwrite` is false; or the disk refuses.
    """
    target, name = Path(os.path.realpath(path)), display_name(path)
    part = target.with_name(f".lightfuse-{os.urandom(8).hex()}.part")
    try:
        with open(part, "xb") as file:
            file.writelines(parts)
        if overwrite:
            os.replace(part, target)
        else:
            _move_to_free_name(part, target)
    except FileExistsError:
        raise OutputError(name_is_taken(name)) from None
    except OSError as error:
        raise OutputError(f"{name} cannot be written: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def name_is_taken(name: str) -> str:
    """The sentence for a file that exists."""
    return f"{name} already exists; give --overwrite to replace it"


def _move_to_free_name(part: Path, target: Path) -> None:
    """Give `part` the name `target`; raise FileExistsError if that name is taken, even since a moment ago."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # A file system without hard links: reserve the name with an empty file, then replace that.
        with open(target, "xb"):
            pass
        try:
            os.replace(part, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
