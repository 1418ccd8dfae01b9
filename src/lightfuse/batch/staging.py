"""Files of a batch while it runs: the output folder's lock, and results staged in hidden folders until recorded.

A result is written into a hidden folder beside its final place, then recorded in the manifest as done, then moved. A
batch that is killed at any moment leaves either a staged result without a record, which is discarded and made again, or
a record whose result still has to be moved, which `resume` does.
"""

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from lightfuse.batch.manifest import STAGING_PREFIX, Manifest
from lightfuse.errors import OutputError
from lightfuse.system import display_name, make_folder, move_to_free_name, remove

LOCK_NAME = ".lightfuse-batch.lock"


@contextmanager
def lock_output(out: Path) -> Iterator[None]:
    """Hold an output folder for one batch; the folder is created, and removed again if it is left empty.

    A folder that is closed to writing, or on a file system without locks, is not locked.

    Raises:
        OutputError: another batch holds the folder, or it cannot be created.
    """
    exists = os.path.lexists(out)
    if exists and not out.is_dir():
        raise OutputError(f"{display_name(out)} is not a folder; give another name")
    make_folder(out)
    try:
        with _locked(out):
            yield
    finally:
        with suppress(OSError):  # Not empty: a batch has run.
            if not exists:
                out.rmdir()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path, file = folder / LOCK_NAME, None
    with suppress(OSError):
        file = open(path, "ab")  # noqa: SIM115 - closed below
    if file is None:
        yield
        return
    with file:
        held = False
        with suppress(OSError):  # Another process may just have removed it.
            held = _lock(file) and os.path.samestat(os.fstat(file.fileno()), os.stat(path))
        if not held:
            raise OutputError(
                f"another batch is writing to {display_name(folder)}; wait for it to end, or give another -o"
            )
        try:
            yield
        finally:
            remove(path)


def stage(output: Path) -> Path:
    """Create a hidden folder beside an output's final place; returns the output's path in it."""
    folder = _real(output).parent / f"{STAGING_PREFIX}{secrets.token_hex(8)}"
    folder.mkdir()
    return folder / output.name


def publish(staged: Path, files: Iterable[Path], *, overwrite: bool) -> None:
    """Move files staged beside ``staged`` to their final places: all of them, or none unless ``overwrite`` is true.

    Raises:
        OSError: one cannot be moved, such as FileExistsError where it exists and ``overwrite`` is false.
    """
    moved: list[Path] = []
    try:
        for path in files:
            part, target = staged.with_name(path.name), _real(path)
            if overwrite:
                os.replace(part, target)
            else:
                move_to_free_name(part, target)
                moved.append(target)
    except OSError:
        for target in moved:
            remove(target)
        raise


def discard(staged: Path) -> None:
    """Remove the folder of a staged output, with whatever is left in it."""
    shutil.rmtree(staged.parent, ignore_errors=True)


def resume(manifest: Manifest, outputs: Iterable[Path]) -> None:
    """Move results that a killed batch recorded but did not move, and remove what it left of others.

    Args:
        manifest: of the output folder, which must be locked.
        outputs: of the batch that is to run.
    """
    for path, staged in manifest.staged():
        with suppress(OSError):  # Another file in its place stays.
            if os.path.isfile(staged):
                move_to_free_name(staged, _real(path))
    for folder in {_real(path).parent for path in (manifest.path, *manifest.outputs(), *outputs)}:
        for left in folder.glob(f"{STAGING_PREFIX}*"):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                remove(left)


def _lock(file: IO[bytes]) -> bool:
    """Lock an open file without waiting; False if another process holds it."""
    try:
        import fcntl
    except ImportError:  # Windows; there, a file that another process holds open cannot be removed either.
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # A file system without locks.
        return True
    return True


def _real(path: Path) -> Path:
    """Where a file really lies: a symbolic link's target is written, not the link."""
    return Path(os.path.realpath(path))
