"""Picture files in folders: brackets stored one folder a scene, and listings of exposures still to be grouped."""

import filecmp
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lightfuse.errors import DataError, PictureError
from lightfuse.images import INPUT_SUFFIXES, RAW_SUFFIXES, probe_picture
from lightfuse.system import display_name

LABEL_FOLDER = "Label"
REFERENCE_STEM = "reference"
_FORMAT_FOLDERS = frozenset({"raw", "jpg", "jpeg", "tif", "tiff", "heic", "png"} | {s[1:] for s in RAW_SUFFIXES})
_EDITED = re.compile(  # "-HDR", "-Edit-2", "-Enhanced-NR", "_fused", "-edited" as Google writes it in some languages
    r"[-_ ](hdr|pano|enhanced([-_ ](nr|sr|rd))?|denoised?|fused|enfused?"
    r"|edit(ed|ado|ada)?|bearbeitet|modifi(é|e)|modificat[oa]|bewerkt|編集済み)([-_ ]?\d+)?$",
    re.I,
)
_COPY_OF = re.compile(r"^(copy of|kopie von|copie de|copia d[ie]|cópia de) ", re.I)
# After the name of the original: "IMG_1 (1)", "IMG_1 - Copy", "IMG_1-DxO_DeepPRIME"
_SEPARATOR = re.compile(r"[-_ (~.]")
_EDITED_BY_PHONE = re.compile(r"^IMG_E(?=\d{4}$)", re.I)
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

    Of a shot stored in several formats under one name (RAW and JPEG), one file is listed. Edited versions and copies
    of an exposure that is there too (``IMG_1-HDR.jpg``, ``IMG_1 (1).jpg``) are left out.

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
    exposures = []
    for place, names in _walk(folder, without):
        for path in [place / name for name in sorted(names, key=natural_key) if _is_picture_name(name)]:
            reason = _reason_against(path, results)
            if reason is None:
                exposures.append(path)
            else:
                listing.left_out.append(LeftOut(path, reason))
    exposures, duplicates = _one_file_a_shot(exposures, raw)
    stems = {(path.parent, _comparable(path.stem)): path for path in exposures}
    derived = {path: original for path in exposures if (original := _original_of(path, stems)) is not None}
    listing.left_out += duplicates
    listing.left_out += [LeftOut(path, f"it is derived from {display_name(one.name)}") for path, one in derived.items()]
    originals = [path for path in exposures if path not in derived]
    for path in sorted(originals, key=lambda path: natural_key(str(path.parent))):
        listing.folders.setdefault(path.parent, []).append(path)
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
    """Keep one of the files that are one shot in several formats, by their names.

    They lie in one folder, or in folders named after formats (RAW/ and JPG/). RAW counts if ``raw`` is true, then the
    deeper picture (a 16-bit TIFF before its JPEG).
    """
    shots: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        place = path.parent.parent if path.parent.name.lower() in _FORMAT_FOLDERS else path.parent
        shots.setdefault((place, _comparable(path.stem)), []).append(path)
    kept, duplicates = [], []
    for (place, _), files in shots.items():
        if len({path.suffix.lower() for path in files}) < len(files):  # Two of one format: not twins.
            kept += files
            continue
        chosen = min(files, key=lambda path: _preference(path, raw)) if len(files) > 1 else files[0]
        kept.append(chosen)
        reason = f"it is the shot of {display_name(chosen.relative_to(place))}"
        duplicates += [LeftOut(path, reason) for path in files if path != chosen]
    return kept, duplicates


def _preference(path: Path, raw: bool) -> tuple[bool, bool, int]:
    """Sort key of the files of one shot: the smallest is kept."""
    suffix = path.suffix.lower()
    if suffix in RAW_SUFFIXES:
        return not raw, False, 0
    try:
        depth = probe_picture(path).bit_depth
    except PictureError:
        depth = 0
    return raw, suffix in _NEEDS_EXTRA, -depth


def _original_of(path: Path, stems: dict[tuple[Path, str], Path]) -> Path | None:
    """The picture of which this one is an edited version, by its name, or a copy, by its name and its EXIF or bytes."""
    edited = stem = _comparable(path.stem)
    while (shorter := _EDITED.sub("", _EDITED_BY_PHONE.sub("img_", edited))) != edited:
        edited = shorter
        if found := stems.get((path.parent, edited)):
            return found
    copied = {_COPY_OF.sub("", stem), *(stem[: match.start()].rstrip(" -") for match in _SEPARATOR.finditer(stem))}
    places = (stems.get((path.parent, each)) for each in sorted(copied - {stem}))
    return next((place for place in places if place and _is_same_shot(path, place)), None)


def _comparable(stem: str) -> str:
    """A name as compared: in any case and Unicode normalisation."""
    return unicodedata.normalize("NFC", stem).casefold()


def _is_same_shot(a: Path, b: Path) -> bool:
    """Whether two files are one shot: "hall (1).jpg" may be a copy, or another picture of the same name."""
    try:
        shots = [probe_picture(path).shot for path in (a, b)]
        return shots[0] == shots[1] if shots[0].taken else filecmp.cmp(a, b, shallow=False)
    except (PictureError, OSError):
        return False
