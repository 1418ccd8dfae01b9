"""The pictures of a folder grouped into brackets: by EXIF, by number, by name or by folder."""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal

from lightfuse.brackets.exif_groups import ExifGroups, Shot, group_by_exif
from lightfuse.brackets.files import LeftOut, in_one_format, list_exposures, other_formats
from lightfuse.brackets.joining import find_runs, join_runs
from lightfuse.errors import DataError, PictureError
from lightfuse.images import RAW_SUFFIXES, probe_picture
from lightfuse.system import display_name

Method = Literal["auto", "exif", "count", "pattern", "folder"]

_ADVICE = "give --count N, --pattern '{scene}_{ev}' or --by folder"
_MOST_IN_A_FOLDER = 20  # More pictures without EXIF are hardly one bracket.
_MOST_IN_TOP_FOLDER = 3
_READERS = 8
_DCF_FOLDER = re.compile(r"[1-9]\d\d\w{5}", re.ASCII)  # Design rule for Camera File system: 100CANON, 101MSDCF

_SCENE = "scene"
_FIELDS = {
    _SCENE: "(?P<scene>.+?)",
    "ev": r"[+-]?[^\W_]+(?:[.,]\d+)?",  # -2, +0.7, 0ev, under
    "n": r"\d+",
}
_ANY_TEXT = "[^/]*?"


@dataclass(frozen=True)
class GroupSettings:
    """How a folder is grouped.

    Attributes:
        by: how to sort; ``count`` and ``pattern`` where the number or the pattern is given.
        count: number of exposures in a bracket, taken in natural name order in each folder.
        pattern: see `compile_pattern`.
        max_gap: seconds between two shots that always end a bracket; for EXIF.
        raw: prefer the RAW file of a shot stored as RAW and JPEG.
        join: make one bracket of consecutive ones of one scene; for EXIF. See `join_runs`.
    """

    by: Method = "auto"
    count: int | None = None
    pattern: str | None = None
    max_gap: float = 30.0
    raw: bool = False
    join: bool = False

    def __post_init__(self) -> None:
        implied = {name for name in ("count", "pattern") if getattr(self, name) is not None}
        if self.by in ("count", "pattern") and not implied:
            raise DataError(f"--by {self.by} needs --{self.by}")
        methods = (implied | {self.by}) - {"auto"}
        if len(methods) > 1:
            raise DataError("give one way to sort: --by exif, --by folder, --count N or --pattern")
        if self.count is not None and self.count < 2:
            raise DataError(f"a bracket has two exposures or more, not {self.count}")
        if self.join and methods - {"exif"}:
            raise DataError("--join is for brackets found by EXIF; leave it out, or give no other way to sort")


@dataclass(frozen=True, slots=True)
class GroupedBracket:
    """The exposures of one scene.

    Attributes:
        scene: name of the bracket.
        folder: where it lies, relative to the folder that was grouped; ``.`` is that folder itself.
        shots: at least two, in the order of the method that found them.
        notes: remarks for the user, one sentence each.
    """

    scene: str
    folder: Path
    shots: tuple[Shot, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grouping:
    """The brackets of a folder: each picture is in exactly one bracket or left out; ``notes`` are for the user."""

    method: str
    brackets: tuple[GroupedBracket, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...] = ()


def group_folder(
    folder: Path,
    settings: GroupSettings = GroupSettings(),
    *,
    without: Path | None = None,
    results: frozenset[Path] = frozenset(),
) -> Grouping:
    """Group the pictures at and below a folder; a bracket spans folders only if a pattern says so, or in DCF folders.

    Args:
        folder: where the pictures are.
        settings: the method and its parameters.
        without: a folder to ignore.
        results: real paths of files that are results of earlier runs.

    Raises:
        DataError: the folder is missing, holds no pictures, or cannot be grouped as asked.
    """
    pattern = compile_pattern(settings.pattern) if settings.pattern is not None else None
    listing = list_exposures(folder, without=without, results=results, raw=settings.raw)
    if not listing.folders:
        raise DataError(f"{display_name(folder)} holds no pictures to fuse; give another folder")
    if pattern is not None:
        found = _group_by_name(folder, chain(*listing.folders.values()), pattern)
    elif settings.count is not None:
        found = _group_by_count(folder, listing.folders, settings.count)
    elif settings.by == "folder":
        found = _group_by_folder(folder, listing.folders)
    else:
        found = _group_by_shots(folder, listing.folders, settings)
    brackets = tuple(_in_one_format(bracket, listing.twins) for bracket in found.brackets)
    others = other_formats({shot.path for bracket in brackets for shot in bracket.shots}, listing.twins)
    return replace(found, brackets=brackets, left_out=(*listing.left_out, *others, *found.left_out))


def _in_one_format(bracket: GroupedBracket, twins: Mapping[Path, Sequence[Path]]) -> GroupedBracket:
    paths = in_one_format([shot.path for shot in bracket.shots], twins)
    shots = tuple(replace(shot, path=path) for shot, path in zip(bracket.shots, paths, strict=True))
    is_mixed = len({path.suffix.lower() in RAW_SUFFIXES for path in paths}) > 1
    note = "some exposures are RAW files, others not: their tones may differ"
    return replace(bracket, shots=shots, notes=(*bracket.notes, note) if is_mixed else bracket.notes)


# ---- By EXIF, or automatically ---------------------------------------------------------------------------------------


def _group_by_shots(top: Path, folders: Mapping[Path, Sequence[Path]], settings: GroupSettings) -> Grouping:
    """Group the pictures of each folder by EXIF.

    Automatically, group by folder instead if every folder is one bracket, and do so for small folders without EXIF.

    Raises:
        DataError: EXIF does not give the exposures.
    """
    shots, unreadable = _read_shots(chain(*folders.values()))
    series = _join_dcf_folders(folders, shots)
    found = {
        place: group_by_exif([shots[path] for path in paths if path in shots], settings.max_gap)
        for place, paths in series.items()
    }
    notes, joined = list[str](), dict[Path, tuple[str, ...]]()
    for groups in found.values():
        if settings.join:
            runs = join_runs(groups.groups, settings.max_gap)
            groups.groups = [tuple(shot for group in each for shot in group) for each in runs]
            joined |= {
                each[0][0].path: (f"{len(each)} brackets of one scene were joined",) for each in runs if each[1:]
            }
        else:
            for pair in find_runs(groups.groups, settings.max_gap):
                names = " and ".join(display_name(group[0].path.name) for group in pair)
                notes.append(f"the brackets of {names} show one scene; --join makes them one")
    without_exif: dict[Path, Sequence[Path]] = {}
    if settings.by == "auto":
        single = {place for place, paths in series.items() if _is_one_bracket(found[place], len(paths), place == top)}
        if len(single) == len(folders) and not joined:
            return _group_by_folder(top, folders)
        without_exif = {place: paths for place, paths in series.items() if found[place].with_exposure < 2}
        for place in [place for place in without_exif if place not in single]:
            pictures = f"the {len(series[place])} pictures in {display_name(place)}"
            other = ", or --by exif to leave them out" if any(groups.with_exposure for groups in found.values()) else ""
            raise DataError(f"{pictures} carry no EXIF to tell brackets by; {_ADVICE}{other}")
    elif not any(groups.with_exposure for groups in found.values()):
        raise DataError(f"no picture in {display_name(top)} carries EXIF that tells its exposure; {_ADVICE}")
    by_folder = _group_by_folder(top, without_exif)
    brackets, left_out = list(by_folder.brackets), list(by_folder.left_out)
    for groups in [groups for place, groups in found.items() if place not in without_exif]:
        for group in groups.groups:
            first = group[0].path
            place = first.parent.relative_to(top)
            brackets.append(GroupedBracket(first.stem, place, group, joined.get(first, ())))
        left_out += groups.left_out
    left_out += [left for left in unreadable if left.path.parent not in without_exif]
    return Grouping("exif", tuple(brackets), tuple(left_out), tuple(notes))


def _join_dcf_folders(folders: Mapping[Path, Sequence[Path]], shots: Mapping[Path, Shot]) -> dict[Path, list[Path]]:
    """Pictures by folder, those of sibling DCF folders (100CANON, 101CANON) together under the first of them.

    A camera starts a new folder in the middle of a bracket when it has numbered a picture 9999.
    """
    series: dict[Path, list[Path]] = {}
    first: dict[Path, Path] = {}
    for place, paths in folders.items():
        is_dcf = _DCF_FOLDER.fullmatch(place.name) and all(
            path in shots and shots[path].ev is not None for path in paths
        )
        series.setdefault(first.setdefault(place.parent, place) if is_dcf else place, []).extend(paths)
    return series


def _read_shots(paths: Iterable[Path]) -> tuple[dict[Path, Shot], list[LeftOut]]:
    """Read the headers of many files, several at a time because most of the time is spent waiting for the disk."""

    def read(path: Path) -> Shot | LeftOut:
        try:
            return Shot(path, probe_picture(path).shot)
        except PictureError as error:
            reason = str(error).removeprefix(display_name(path)).lstrip()
            return LeftOut(path, f"it {reason}", unreadable=True)

    with ThreadPoolExecutor(_READERS) as pool:
        found = list(pool.map(read, paths))
    return {f.path: f for f in found if isinstance(f, Shot)}, [f for f in found if isinstance(f, LeftOut)]


def _is_one_bracket(found: ExifGroups, count: int, is_top: bool) -> bool:
    """Whether a folder of ``count`` pictures is one bracket: by EXIF or, without EXIF, because it is small."""
    if count > _MOST_IN_A_FOLDER:
        return False
    if found.with_exposure >= 2:
        return len(found.groups) == 1 and len(found.groups[0]) == found.with_exposure
    return count <= _MOST_IN_TOP_FOLDER or not is_top


# ---- By folder and by number -----------------------------------------------------------------------------------------


def _group_by_folder(top: Path, folders: Mapping[Path, Sequence[Path]]) -> Grouping:
    """Make the pictures of each folder one bracket, named like the folder and placed where the folder lies."""
    brackets, left_out = [], []
    for place, paths in folders.items():
        if len(paths) < 2:
            left_out.append(LeftOut(paths[0], "it is the only exposure in its folder"))
            continue
        scene = place.name if place != top else top.resolve().name or "bracket"
        brackets.append(GroupedBracket(scene, place.relative_to(top).parent, tuple(Shot(path) for path in paths)))
    return Grouping("folder", tuple(brackets), tuple(left_out))


def _group_by_count(folder: Path, folders: Mapping[Path, Sequence[Path]], count: int) -> Grouping:
    brackets = []
    for place, paths in folders.items():
        if len(paths) % count:
            raise DataError(
                f"the {len(paths)} pictures in {display_name(place)} cannot be divided into brackets of {count}; "
                "take out what is too many, or sort another way"
            )
        for i in range(0, len(paths), count):
            shots = tuple(Shot(path) for path in paths[i : i + count])
            brackets.append(GroupedBracket(shots[0].path.stem, place.relative_to(folder), shots))
    return Grouping("count", tuple(brackets), ())


# ---- By name ---------------------------------------------------------------------------------------------------------


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a template such as ``{scene}_{ev}``, or a regular expression with a group named ``scene``.

    A template's fields are ``{scene}`` (any text), ``{ev}`` (a number with or without sign, or a word), ``{n}``
    (digits); any other name stands for any text.

    Raises:
        DataError: it names no scene, names it twice, or is not a regular expression.
    """
    parts = re.split(r"\{(\w+)\}", pattern)
    template = "".join(_FIELDS.get(part, _ANY_TEXT) if i % 2 else re.escape(part) for i, part in enumerate(parts))
    try:
        compiled = re.compile(template if "{scene}" in pattern else pattern)
    except re.error as error:
        raise DataError(f"the pattern {pattern!r} is not a regular expression: {error}") from None
    if _SCENE not in compiled.groupindex:
        raise DataError(
            f"the pattern {pattern!r} does not say which part is the scene; "
            "give a template with {scene}, such as '{scene}_{ev}', or a regular expression with (?P<scene>...)"
        )
    return compiled


def _group_by_name(folder: Path, paths: Iterable[Path], pattern: re.Pattern[str]) -> Grouping:
    """Group pictures by the scene ``pattern`` finds in them; it must match the whole name without its suffix.

    A pattern with a slash is matched against the path below ``folder``, so that the exposures of one scene may lie in
    different folders (``{ev}/{scene}``); any other joins pictures of one folder only.

    Raises:
        DataError: no name matches.
    """
    across_folders = "/" in pattern.pattern
    scenes: dict[tuple[Path, str], list[Shot]] = {}
    left_out = []
    for path in paths:
        below = path.relative_to(folder)
        match = pattern.fullmatch(below.with_suffix("").as_posix() if across_folders else path.stem)
        if match is None or not match[_SCENE]:
            left_out.append(LeftOut(path, f"its name does not match {pattern.pattern!r}"))
        else:
            scenes.setdefault((Path() if across_folders else below.parent, match[_SCENE]), []).append(Shot(path))
    if not scenes:
        example = left_out[0].path.stem if left_out else ""
        raise DataError(f"no picture's name matches the pattern {pattern.pattern!r}; a name here is {example!r}")
    brackets = []
    for (place, scene), shots in scenes.items():
        if len(shots) >= 2:
            brackets.append(GroupedBracket(scene, place, tuple(shots)))
        else:
            left_out.append(LeftOut(shots[0].path, f"it is the only exposure of scene {scene!r}"))
    return Grouping("pattern", tuple(brackets), tuple(left_out))
