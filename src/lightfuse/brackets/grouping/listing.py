"""The pictures of a folder and of all folders below it that may be exposures, each shot once."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lightfuse.brackets.discover import LABEL_FOLDER, REFERENCE_STEM
from lightfuse.brackets.grouping.shots import LeftOut
from lightfuse.brackets.names import natural_key
from lightfuse.errors import DataError
from lightfuse.images import INPUT_SUFFIXES, RAW_SUFFIXES
from lightfuse.system import display_name

_SELDOM_READABLE = frozenset({".heic", ".heif", ".hif"})  # Without an extra; a twin that needs none comes first.


@dataclass
class Listing:
    """Exposures by folder, each folder's in natural name order, and pictures that are none."""

    folders: dict[Path, list[Path]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def pictures(self) -> list[Path]:
        """All exposures, folder after folder."""
        return [path for paths in self.folders.values() for path in paths]


def list_exposures(
    folder: Path, *, without: Path | None = None, results: frozenset[Path] = frozenset(), raw: bool = False
) -> Listing:
    """List the pictures at and below a folder that may be exposures; hidden and other files are passed over.

    Of a shot stored twice under one name (RAW and JPEG), one file is taken.

    Args:
        folder: where to look. Links to folders are followed, each folder being visited once.
        without: a folder to keep out of, such as the one results go to.
        results: files that are results of earlier runs, as real paths.
        raw: take the RAW file of a shot that has one, not the picture beside it.

    Raises:
        DataError: the folder is missing or cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"{display_name(folder)} is not a folder; give the folder that holds the pictures")
    listing = Listing()
    for place, names in _walk(folder, without):
        pictures = [place / name for name in sorted(names, key=natural_key) if _may_be_picture(name)]
        exposures = []
        for path in pictures:
            reason = _why_not(path, results)
            if reason is None:
                exposures.append(path)
            else:
                listing.left_out.append(LeftOut(path, reason))
        kept, twins = _without_twins(exposures, raw)
        listing.left_out += twins
        if kept:
            listing.folders[place] = kept
    listing.folders = dict(sorted(listing.folders.items(), key=lambda item: natural_key(str(item[0]))))
    return listing


def _walk(top: Path, without: Path | None) -> Iterator[tuple[Path, list[str]]]:
    """Every folder once with the names in it: real folders first, then those that only a link leads to."""
    seen = {_identity(without)} if without is not None and without.is_dir() else set()
    seen.discard(_identity(top))  # Results may go to the very folder that is sorted.
    folders, links = [top], list[Path]()
    while folders or links:
        place = folders.pop() if folders else links.pop()
        try:
            identity = _identity(place)
            entries = [] if identity in seen else list(os.scandir(place))
        except OSError as error:
            raise DataError(f"the folder {display_name(place)} cannot be read: {error.strerror}") from None
        seen.add(identity)
        names = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if not _is_folder(entry):
                names.append(entry.name)
            elif entry.is_symlink():
                links.append(place / entry.name)
            else:
                folders.append(place / entry.name)
        if names:
            yield place, names


def _identity(folder: Path) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link in a circle; as a file it will be told of.
        return False


def _is_seldom_readable(path: Path) -> bool:
    return path.suffix.lower() in _SELDOM_READABLE


def _may_be_picture(name: str) -> bool:
    return Path(name).suffix.lower() in INPUT_SUFFIXES


def _why_not(path: Path, results: frozenset[Path]) -> str | None:
    if path.stem.lower() == REFERENCE_STEM or path.parent.name == LABEL_FOLDER:
        return "it is a reference picture"
    if not path.is_file():
        return "it is not a file, or a link that leads nowhere"
    if results and Path(os.path.realpath(path)) in results:
        return "it is the result of an earlier run"
    return None


def _without_twins(paths: list[Path], raw: bool) -> tuple[list[Path], list[LeftOut]]:
    """Keep one file of each name in a folder; the others are the same shot in other formats."""
    shots: dict[str, list[Path]] = {}
    for path in paths:
        shots.setdefault(path.stem, []).append(path)
    kept, twins = [], []
    for files in shots.values():
        chosen = min(files, key=lambda path: ((path.suffix.lower() in RAW_SUFFIXES) != raw, _is_seldom_readable(path)))
        kept.append(chosen)
        twins += [LeftOut(path, f"it is the shot of {display_name(chosen.name)}") for path in files if path != chosen]
    return kept, twins
