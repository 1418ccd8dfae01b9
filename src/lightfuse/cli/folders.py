"""Folders that commands fill."""

import os
from collections.abc import Mapping
from pathlib import Path

from lightfuse.errors import OutputError
from lightfuse.system import make_folder, write_atomically


def check_folder_output(folder: Path, *, overwrite: bool) -> None:
    """Raise OutputError, before any work, unless ``folder`` can be made or filled; its parents are made with it.

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
    """Write files by name, each whole or not at all, into a folder that is made if need be; returns their paths.

    Raises:
        OutputError: the disk refuses.
    """
    make_folder(folder)
    for name, content in files.items():
        write_atomically(folder / name, [content], overwrite=True)
    return [folder / name for name in files]
