"""Brackets by what the files say of their shots, or by folder where they say nothing."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lightfuse.brackets.grouping.by_exif import ExifGroups, group_by_exif
from lightfuse.brackets.grouping.by_folder import group_by_folder
from lightfuse.brackets.grouping.shots import LeftOut, Shot, SortedBracket
from lightfuse.errors import DataError, PictureError
from lightfuse.images import ShotInfo, probe_picture
from lightfuse.system import display_name

_ADVICE = "give --count N, --pattern '{scene}_{ev}' or --by folder"
_MOST_IN_A_FOLDER = 20  # More files without EXIF are rather a pile than one bracket.
_MOST_IN_THE_TOP = 3
_READERS = 8


def group_by_shots(
    top: Path, folders: Mapping[Path, Sequence[Path]], max_gap: float, *, guess: bool
) -> tuple[str, list[SortedBracket], list[LeftOut]]:
    """Group the pictures of each folder by EXIF.

    With ``guess``, group by folder instead if every folder is one bracket, and so the small folders without EXIF.

    Returns:
        The method, ``"exif"`` or ``"folder"``; the brackets; and what is left out.

    Raises:
        DataError: EXIF does not tell the exposures.
    """
    shots, broken = _read_shots([path for paths in folders.values() for path in paths])
    found = {
        place: group_by_exif([shots[path] for path in paths if path in shots], max_gap)
        for place, paths in folders.items()
    }
    silent: dict[Path, Sequence[Path]] = {}
    if guess:
        single = {place for place, paths in folders.items() if _is_one_bracket(found[place], len(paths), place == top)}
        if len(single) == len(folders):
            return "folder", *group_by_folder(top, folders)
        silent = {place: paths for place, paths in folders.items() if found[place].told < 2}
        for place in [place for place in silent if place not in single]:
            what = f"the {len(folders[place])} pictures in {display_name(place)}"
            raise DataError(f"{what} carry no EXIF to tell brackets by; {_ADVICE}")
    elif not any(groups.told for groups in found.values()):
        raise DataError(f"no picture in {display_name(top)} carries EXIF that tells its exposure; {_ADVICE}")
    brackets, left_out = group_by_folder(top, silent)
    for place in [place for place in folders if place not in silent]:
        brackets += [SortedBracket(shots[0].path.stem, place.relative_to(top), shots) for shots in found[place].groups]
        left_out += found[place].left_out
    return "exif", brackets, left_out + [left for left in broken if left.path.parent not in silent]


def _read_shots(paths: Sequence[Path]) -> tuple[dict[Path, Shot], list[LeftOut]]:
    """Read the headers of many files, some at a time: it is the disk that is waited for."""
    with ThreadPoolExecutor(_READERS) as pool:
        infos = list(pool.map(_shot_info, paths))
    shots, broken = {}, []
    for path, info in zip(paths, infos, strict=True):
        if isinstance(info, ShotInfo):
            shots[path] = Shot(path, info)
        else:
            broken.append(LeftOut(path, info, bad=True))
    return shots, broken


def _shot_info(path: Path) -> ShotInfo | str:
    """How a picture was shot, or why that cannot be read."""
    try:
        return probe_picture(path).shot
    except PictureError as error:
        return f"it {str(error).removeprefix(display_name(path)).lstrip()}"


def _is_one_bracket(found: ExifGroups, count: int, is_top: bool) -> bool:
    """Whether a folder of ``count`` pictures is one bracket, by EXIF or, without any, by being a small folder."""
    if count > _MOST_IN_A_FOLDER:
        return False
    if found.told >= 2:
        return len(found.groups) == 1 and len(found.groups[0]) == found.told
    return count <= _MOST_IN_THE_TOP or not is_top
