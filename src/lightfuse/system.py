"""What the operating system gives: files written whole or not at all, names as messages show them, usable cores."""

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from lightfuse.errors import LightFuseError, OutputError

_MAX_THREADS = 1024
_PART = ".lightfuse-"  # Temporary files begin like this.


def usable_cores() -> int:
    """How many cores this process may use (its affinity where the system has such a thing)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def thread_count(threads: int | None) -> int:
    """Return how many threads to use: those asked for, or with None one a core.

    Raises LightFuseError unless that is None or an integer from 1 to 1024.
    """
    if threads is None:
        return min(usable_cores(), _MAX_THREADS)
    if not isinstance(threads, int) or not 1 <= threads <= _MAX_THREADS:
        raise LightFuseError(f"threads must be an integer from 1 to {_MAX_THREADS}, not {threads}")
    return threads


def display_name(path: str | os.PathLike[str]) -> str:
    """Return a path as it may stand in a message: as it is, or escaped if it would break the line."""
    text = os.fspath(path)
    return text if text.isprintable() and text else repr(text)


def is_same_file(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> bool:
    """Return whether two paths lead to one file; False where one leads to none, unless they are equal."""
    try:
        return a == b or os.path.samefile(a, b)
    except (OSError, ValueError):
        return False


def cannot_write(path: str | os.PathLike[str], reason: object) -> OutputError:
    """Return the error that a file cannot be written, and why: an exception's reason, or a clause."""
    return OutputError(f"{display_name(path)} cannot be written: {getattr(reason, 'strerror', None) or reason}")


def already_exists(path: str | os.PathLike[str]) -> OutputError:
    """Return the error that a file exists and is not to be overwritten."""
    return OutputError(f"{display_name(path)} already exists; give --overwrite to replace it")


def check_writable(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check, before any work is done, that a file can be written to `path`.

    Raises:
        OutputError: the path is a folder, the file exists and `overwrite` is false or it is not a regular file, or its
            folder is missing or closed to writing.
    """
    target, name = Path(path), display_name(path)
    try:
        if target.is_dir():
            raise OutputError(f"{name} is a folder; give the file to write")
        if target.exists() and not target.is_file():
            raise OutputError(f"{name} is not a regular file and cannot be replaced")
        if os.path.lexists(target) and not overwrite:
            raise already_exists(path)
        folder = Path(os.path.realpath(target)).parent
        if not folder.is_dir():
            raise cannot_write(path, f"there is no folder {display_name(folder)}; create it first")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise cannot_write(path, f"the folder {display_name(folder)} is closed to writing")
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from None


def make_folder(folder: str | os.PathLike[str]) -> None:
    """Make a folder and its parents where they do not exist; raises OutputError where that is not possible."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {display_name(folder)} cannot be made: {error.strerror}") from None


def check_folder_output(folder: Path, *, overwrite: bool) -> None:
    """Raise OutputError, before any work, unless ``folder`` can be made, with its parents, or filled.

    A folder that holds anything is refused unless ``overwrite`` is true.
    """
    if folder.is_dir():
        if any(folder.iterdir()) and not overwrite:
            raise OutputError(f"the folder {str(folder)!r} is not empty; give --overwrite to replace what is in it")
    elif os.path.lexists(folder):
        raise OutputError(f"{str(folder)!r} is not a folder; give another name")
    standing = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        raise OutputError(f"the folder {str(folder)!r} cannot be made: {str(standing)!r} is closed to writing")


def write_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write files by name, replacing others, into a folder that is made if need be; returns their paths.

    Raises OutputError where the disk refuses.
    """
    make_folder(folder)
    for name, content in files.items():
        write_atomically(folder / name, [content], overwrite=True)
    return [folder / name for name in files]


def write_atomically(path: str | os.PathLike[str], parts: Iterable[bytes | memoryview], *, overwrite: bool) -> None:
    """Write the parts, one after the other, under a temporary name (``.part``) beside `path`, then move them there.

    The temporary file is removed whatever happens. Through a symbolic link, the file it points at is written.

    Raises:
        OutputError: the file exists, even since a moment ago, and `overwrite` is false; or the disk refuses.
    """
    target = Path(os.path.realpath(path))
    part = target.with_name(f"{_PART}{os.urandom(8).hex()}.part")
    try:
        with open(part, "xb") as file:
            file.writelines(parts)
        if overwrite:
            os.replace(part, target)
        else:
            move_to_free_name(part, target)
    except FileExistsError:
        raise already_exists(path) from None
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        remove(part)


def remove(path: Path) -> None:
    """Remove a file, if it is there and the disk lets it go: one that fails may be closed to writing at any moment."""
    with suppress(OSError):
        path.unlink()


def remove_parts(folder: Path) -> None:
    """Remove the temporary files that a killed process left in a folder; none may be writing there."""
    for part in folder.glob(f"{_PART}*.part"):
        remove(part)


def move_to_free_name(part: Path, target: Path) -> None:
    """Give `part` the name `target`; raise FileExistsError if that name is taken, even since a moment ago."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # A file system without hard links: reserve the name with an empty file, then replace that.
        with open(target, "xb"):
            pass
        with ExitStack() as undo:
            undo.callback(remove, target)
            os.replace(part, target)
            undo.pop_all()
