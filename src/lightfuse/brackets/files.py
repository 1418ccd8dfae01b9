"""Picture files in folders: brackets stored one folder a scene, and listings of exposures still to be grouped."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lightfuse.errors import DataError
from lightfuse.images import INPUT_SUFFIXES, RAW_SUFFIXES
from lightfuse.system import display_name

LABEL_FOLDER = "Label"
REFERENCE_STEM = "reference"
_NEEDS_EXTRA = frozenset({".heic", ".heif", ".hif"})  # Readable with an extra only; a JPEG of the same shot wins.


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``2`` before ``10``."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


# ---- One folder a scene ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BracketFolder:
    """The files of one scene, not yet opened: its exposures in name order and its reference picture, if any."""

    name: str
    exposures: tuple[Path, ...]
    reference: Path | None


def find_brackets(folder: Path) -> list[BracketFolder]:
    """Every folder at or below ``folder`` that holds at least one picture, as a bracket, in natural name order.

    Two layouts are understood: one folder a scene with an optional ``reference.*`` in it; and that of the SICE data
    set, numbered folders next to a folder ``Label`` with one reference of the same number a scene.

    Raises:
        DataError: the folder is missing or holds no picture at all.
    """
    if not folder.is_dir():
        raise DataError(f"{display_name(folder)} is not a folder; give the folder that holds the brackets")
    found = [_bracket_folder(Path(place), folder, files) for place, _, files in os.walk(folder)]
    brackets = sorted((b for b in found if b is not None), key=lambda b: natural_key(b.name))
    if not brackets:
        suffixes = ", ".join(sorted(INPUT_SUFFIXES))
        raise DataError(f"{display_name(folder)} holds no pictures ({suffixes}); give another folder")
    return brackets


def _bracket_folder(place: Path, root: Path, files: list[str]) -> BracketFolder | None:
    pictures = [place / name for name in sorted(files, key=natural_key) if _is_picture_name(name)]
    if not pictures or place.name == LABEL_FOLDER:
        return None
    references = [path for path in pictures if path.stem.lower() == REFERENCE_STEM]
    labels = [p for p in (place.parent / LABEL_FOLDER).glob("*") if p.stem == place.name and _is_picture_name(p.name)]
    exposures = tuple(path for path in pictures if path not in references)
    name = place.relative_to(root).as_posix() if place != root else place.resolve().name
    return BracketFolder(name, exposures, next(iter(references + sorted(labels)), None))


def _is_picture_name(name: str) -> bool:
    """Whether the suffix is that of a picture; hidden files (such as macOS's ``._a.jpg``) are not pictures."""
    return not name.startswith(".") and Path(name).suffix.lower() in INPUT_SUFFIXES


# ---- Exposures to be grouped -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that belongs to no bracket, and why (a clause: "it is a reference picture").

    ``unreadable`` is True where the file cannot be read.
    """

    path: Path
    reason: str
    unreadable: bool = False


@dataclass
class Listing:
    """Exposures by folder, each folder's in natural name order, and pictures that are not exposures."""

    folders: dict[Path, list[Path]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def pictures(self) -> list[Path]:
        """All exposures, folder by folder."""
        return [path for paths in self.folders.values() for path in paths]


def list_exposures(
    folder: Path, *, without: Path | None = None, results: frozenset[Path] = frozenset(), raw: bool = False
) -> Listing:
    """List the pictures at and below a folder that may be exposures; hidden and other files are ignored.

    Of a shot stored in several formats under one name (RAW and JPEG), one file is listed.

    Args:
        folder: where to look. Links to folders are followed, each folder being visited once.
        without: a folder to ignore, such as the output folder.
        results: real paths of the results of earlier runs.
        raw: prefer the RAW file of a shot stored as RAW and JPEG.

    Raises:
        DataError: the folder is missing or cannot be read.
    """
    if not folder.is_dir():
        raise DataError(f"{display_name(folder)} is not a folder; give the folder that holds the pictures")
    listing = Listing()
    for place, names in _walk(folder, without):
        exposures = []
        for path in [place / name for name in sorted(names, key=natural_key) if _is_picture_name(name)]:
            reason = _reason_against(path, results)
            if reason is None:
                exposures.append(path)
            else:
                listing.left_out.append(LeftOut(path, reason))
        kept, duplicates = _one_file_a_shot(exposures, raw)
        listing.left_out += duplicates
        if kept:
            listing.folders[place] = kept
    listing.folders = dict(sorted(listing.folders.items(), key=lambda item: natural_key(str(item[0]))))
    return listing


def _walk(top: Path, without: Path | None) -> Iterator[tuple[Path, list[str]]]:
    """Each folder once with the names of the files in it: real folders first, then those reached only by a link."""
    seen = {_identity(without)} if without is not None and without.is_dir() else set()
    seen.discard(_identity(top))  # Results may go to the very folder that is grouped.
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
    except OSError:  # A circular link; it is reported as a file.
        return False


def _reason_against(path: Path, results: frozenset[Path]) -> str | None:
    """Why a picture is not an exposure; None where it may be one."""
    if path.stem.lower() == REFERENCE_STEM or path.parent.name == LABEL_FOLDER:
        return "it is a reference picture"
    if not path.is_file():
        return "it is not a file, or a link that leads nowhere"
    if results and Path(os.path.realpath(path)) in results:
        return "it is the result of an earlier run"
    return None


def _one_file_a_shot(paths: list[Path], raw: bool) -> tuple[list[Path], list[LeftOut]]:
    """Keep one of the files with the same name but different suffixes: they are one shot in several formats."""
    shots: dict[str, list[Path]] = {}
    for path in paths:
        shots.setdefault(path.stem, []).append(path)
    kept, duplicates = [], []
    for files in shots.values():
        suffixes = {path: path.suffix.lower() for path in files}
        chosen = min(files, key=lambda path: ((suffixes[path] in RAW_SUFFIXES) != raw, suffixes[path] in _NEEDS_EXTRA))
        kept.append(chosen)
        reason = f"it is the shot of {display_name(chosen.name)}"
        duplicates += [LeftOut(path, reason) for path in files if path != chosen]
    return kept, duplicates
