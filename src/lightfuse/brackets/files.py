"""Picture files in folders: brackets stored one folder a scene, and listings of exposures still to be grouped."""

import filecmp
import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from lightfuse.errors import DataError, PictureError
from lightfuse.images import INPUT_SUFFIXES, RAW_SUFFIXES, ShotInfo, probe_picture
from lightfuse.system import display_name

LABEL_FOLDER = "Label"
REFERENCE_STEM = "reference"
_FORMAT_FOLDERS = frozenset({"raw", "jpg", "jpeg", "tif", "tiff", "heic", "png"} | {s[1:] for s in RAW_SUFFIXES})
_EDITED = re.compile(  # "-HDR", "-Edit-2", "-Enhanced-NR", "_fused", "-edited" as Google writes it in some languages
    r"[-_ ](hdr|pano|enhanced([-_ ](nr|sr|rd))?|denoised?|fused|enfused?"
    r"|edit(ed|ado|ada)?|bearbeitet|modifi(é|e)|modificat[oa]|bewerkt|編集済み)([-_ ]?\d+)?$",
    re.I,
)
_FRAMES = 9  # As many exposures a bracket may have whose merged picture is named after the first of them.
_EDITED_BY_PHONE = re.compile(r"^IMG_E(?=\d{4}$)", re.I)
_OF_PIXEL = re.compile(r"\.raw-\d\d(\.mp)?\.(cover|original)$")  # A JPEG and its RAW, as Google's phones name them.
# What systems keep beside a person's files: thumbnails, deleted and recovered files, snapshots.
_SYSTEM_FOLDERS = frozenset({
    "@eadir", "@recycle", "#recycle", "#snapshot", "$recycle.bin", "system volume information", "__macosx",
    "lost+found",
})  # fmt: skip
_NEEDS_EXTRA = frozenset({".heic", ".heif", ".hif"})  # Readable with an extra only; a JPEG of the same shot wins.


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
        raise DataError(f"{display_name(folder)} holds no pictures; give another folder")
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


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``2`` before ``10``."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


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
    """Exposures by folder, each folder's in the order of names, and pictures that are not exposures.

    ``twins`` has, for each exposure stored in several formats, all its files.
    """

    folders: dict[Path, list[Path]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    twins: dict[Path, list[Path]] = field(default_factory=dict)


def list_exposures(
    folder: Path, *, without: Path | None = None, results: frozenset[Path] = frozenset(), raw: bool = False
) -> Listing:
    """List the pictures at and below a folder that may be exposures; hidden and other files are ignored.

    Of a shot stored in several formats under one name (RAW and JPEG), one file is listed. Edited versions and copies
    of an exposure that is there too (``IMG_1-HDR.jpg``, ``IMG_1 (1).jpg``) are left out, and so are links to a file
    of the same folder. Folders in which systems keep thumbnails or deleted files are ignored.

    Args:
        folder: where to look. Links to folders are followed, each folder being visited once.
        without: a folder to ignore, such as the output folder.
        results: real paths of the results of earlier runs.
        raw: prefer the RAW file of a shot stored as RAW and JPEG.

    Raises:
        DataError: the folder is missing or cannot be read; a folder below it that cannot be is left out.
    """
    if not folder.is_dir():
        raise DataError(f"{display_name(folder)} is not a folder; give the folder that holds the pictures")
    listing = Listing()
    exposures = []
    for place, names in _walk(folder, without, listing.left_out):
        for path in [place / name for name in sorted(filter(_is_picture_name, names), key=natural_key)]:
            reason = _reason_against(path, results)
            if reason is None:
                exposures.append(path)
            else:
                listing.left_out.append(LeftOut(path, reason))
    exposures, listing.twins = _one_file_a_shot(exposures, raw)
    stems: dict[Path, dict[str, Path]] = {}
    for path in exposures:
        stems.setdefault(path.parent, {})[_comparable(path.stem)] = path
    shot_of = cache(_shot_of)
    derived = {path: one for path in exposures if (one := _original_of(path, stems[path.parent], shot_of)) is not None}
    listing.left_out += [LeftOut(path, f"it is derived from {display_name(one.name)}") for path, one in derived.items()]
    originals = [path for path in exposures if path not in derived]
    for path in sorted(originals, key=lambda path: natural_key(str(path.parent))):
        listing.folders.setdefault(path.parent, []).append(path)
    return listing


def _walk(top: Path, without: Path | None, unreadable: list[LeftOut]) -> Iterator[tuple[Path, list[str]]]:
    """Each folder once, by links only where none but these lead to it, with the names of the files in it.

    Folders below ``top`` that cannot be read are added to ``unreadable``.
    """

    def leave_out(error: OSError) -> None:
        if error.filename == os.fspath(top):
            raise DataError(f"the folder {display_name(top)} cannot be read: {error.strerror}")
        reason = f"the folder cannot be read: {error.strerror}"
        unreadable.append(LeftOut(Path(error.filename), reason, unreadable=True))

    def identity(folder: Path) -> tuple[int, int]:
        status = os.stat(folder)
        return status.st_dev, status.st_ino

    seen = {identity(without)} if without is not None and without.is_dir() else set()
    seen.discard(identity(top))  # Results may go to the very folder that is grouped.
    waiting = [top]
    while waiting:
        for folder, below, names in os.walk(waiting.pop(0), onerror=leave_out):
            place = Path(folder)
            if identity(place) in seen:
                below.clear()
                continue
            seen.add(identity(place))
            below[:] = [name for name in below if not name.startswith(".") and name.casefold() not in _SYSTEM_FOLDERS]
            waiting += [place / name for name in below if (place / name).is_symlink()]
            yield place, [name for name in names if not name.startswith(".")]


def _reason_against(path: Path, results: frozenset[Path]) -> str | None:
    """Why a picture is not an exposure; None where it may be one."""
    if path.stem.lower() == REFERENCE_STEM or path.parent.name == LABEL_FOLDER:
        return "it is a reference picture"
    if not path.is_file():
        return "it is not a file, or a link that leads nowhere"
    real = Path(os.path.realpath(path))
    if path.is_symlink() and real.parent == path.parent.resolve() and _is_picture_name(real.name):
        return f"it is the same file as {display_name(real.name)}"
    return "it is the result of an earlier run" if real in results else None


def _one_file_a_shot(paths: list[Path], raw: bool) -> tuple[list[Path], dict[Path, list[Path]]]:
    """Keep one of the files that are one shot in several formats, by their names; also returns all files of each.

    They lie in one folder, or in folders named after formats (RAW/ and JPG/). RAW counts if ``raw`` is true, then the
    deeper picture (a 16-bit TIFF before its JPEG).
    """
    shots: dict[tuple[Path, str], list[Path]] = {}
    for path in paths:
        place = path.parent.parent if path.parent.name.lower() in _FORMAT_FOLDERS else path.parent
        shots.setdefault((place, _OF_PIXEL.sub("", _comparable(path.stem))), []).append(path)
    kept, twins = list[Path](), dict[Path, list[Path]]()
    for files in shots.values():
        are_twins = 1 < len(files) == len({path.suffix.lower() for path in files})  # Not two of one format.
        if are_twins:
            files.sort(key=lambda path: _preference(path, raw))
            twins[files[0]] = files
        kept += files[:1] if are_twins else files
    return kept, twins


def in_one_format(bracket: Sequence[Path], twins: Mapping[Path, Sequence[Path]]) -> list[Path]:
    """The files of a bracket's shots in one format, if there is one in which all are stored.

    A RAW file among JPEG files would have another size and tone.

    Args:
        bracket: the preferred file of each shot.
        twins: see `Listing`.
    """
    if len({path.suffix.lower() for path in bracket}) == 1:
        return list(bracket)
    stored = [{path.suffix.lower(): path for path in twins.get(one, [one])} for one in bracket]
    common = next((suffix for suffix in stored[0] if all(suffix in formats for formats in stored)), None)
    return list(bracket) if common is None else [formats[common] for formats in stored]


def other_formats(used: Collection[Path], twins: Mapping[Path, Sequence[Path]]) -> list[LeftOut]:
    """The other files of shots that are stored in several formats, where ``used`` are the files in brackets."""
    left_out = []
    for preferred, files in twins.items():
        one = next((path for path in files if path in used), preferred)
        for path in [path for path in files if path != one]:
            name = one.name if one.parent == path.parent else f"{one.parent.name}/{one.name}"
            left_out.append(LeftOut(path, f"it is the shot of {display_name(name)}"))
    return left_out


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


def _original_of(path: Path, stems: Mapping[str, Path], shot_of: Callable[[Path], ShotInfo]) -> Path | None:
    """The picture of its folder of which this one is an edited version, a copy or a merged picture.

    That is told by its name, or by a name that begins or ends with another's ("IMG_1 (1)", "Copy of IMG_1",
    "IMG_1_2_3_tonemapped") and the EXIF of that one or of one of those numbered after it, or the same bytes.
    """
    edited = stem = _comparable(path.stem)
    while (shorter := _EDITED.sub("", _EDITED_BY_PHONE.sub("img_", edited))) != edited:
        edited = shorter
        if found := stems.get(edited):
            return found
    ends = [stem[:end] for end in range(1, len(stem)) if not stem[end - 1 : end + 1].isdigit()]
    ends += [stem[start:] for start in range(1, len(stem)) if not stem[start - 1 : start + 1].isalnum()]
    for name in ends:
        if name in stems:
            others = [stems[name], *_numbered_after(name, stems)]
            if found := next((other for other in others if _is_same_shot(path, other, shot_of)), None):
                return found
    return None


def _numbered_after(stem: str, stems: Mapping[str, Path]) -> list[Path]:
    """The pictures whose numbers follow that of one, as many as a bracket may have."""
    digits = stem[len(stem.rstrip("0123456789")) :]
    if not digits:
        return []
    names = (stem[: -len(digits)] + f"{int(digits) + i:0{len(digits)}}" for i in range(1, _FRAMES))
    return [stems[name] for name in names if name in stems]


def _comparable(stem: str) -> str:
    """A name as compared: in any case and Unicode normalisation."""
    return unicodedata.normalize("NFC", stem).casefold()


def _is_same_shot(a: Path, b: Path, shot_of: Callable[[Path], ShotInfo]) -> bool:
    """Whether two files are one shot: "hall (1).jpg" may be a copy, or another picture of the same name."""
    try:
        return shot_of(a) == shot_of(b) if shot_of(a).taken else filecmp.cmp(a, b, shallow=False)
    except (PictureError, OSError):
        return False


def _shot_of(path: Path) -> ShotInfo:
    """What EXIF says of a shot, but for what programs change: they turn pictures upright, and say that they did."""
    return replace(probe_picture(path).shot, orientation=1, rendered=False)
