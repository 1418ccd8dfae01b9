"""A folder sorted into brackets, by the method that was asked for or the one that fits."""

from dataclasses import dataclass
from pathlib import Path

from lightfuse.brackets.grouping.by_folder import group_by_folder
from lightfuse.brackets.grouping.by_name import compile_pattern, group_by_name
from lightfuse.brackets.grouping.by_shots import group_by_shots
from lightfuse.brackets.grouping.listing import Listing, list_exposures
from lightfuse.brackets.grouping.shots import LeftOut, Shot, SortedBracket
from lightfuse.errors import DataError
from lightfuse.system import display_name

METHODS = ("auto", "exif", "count", "pattern", "folder")


@dataclass(frozen=True)
class GroupSettings:
    """How to sort a folder.

    Attributes:
        by: one of `METHODS`; a ``count`` or a ``pattern`` speaks for itself.
        count: how many exposures a bracket has, in natural name order in each folder.
        pattern: see `by_name.compile_pattern`.
        max_gap: seconds between two shots that always end a bracket, for EXIF.
        raw: take the RAW file of a shot that also has a picture beside it.
    """

    by: str = "auto"
    count: int | None = None
    pattern: str | None = None
    max_gap: float = 30.0
    raw: bool = False

    def __post_init__(self) -> None:
        implied = {"count": self.count, "pattern": self.pattern}
        given = [name for name, value in implied.items() if value is not None]
        if self.by not in METHODS:
            raise DataError(f"there is no method {self.by!r} to sort by; use one of {', '.join(METHODS)}")
        if len(given) > 1 or (given and self.by not in ("auto", given[0])):
            raise DataError("give one way to sort: --by exif, --by folder, --count N or --pattern")
        if self.by in implied and not given:
            raise DataError(f"--by {self.by} needs --{self.by}")
        if self.count is not None and self.count < 2:
            raise DataError(f"a bracket has two exposures or more, not {self.count}")
        object.__setattr__(self, "by", given[0] if given else self.by)


@dataclass(frozen=True)
class Grouping:
    """What became of a folder's pictures: each is in a bracket or left out, none in two."""

    method: str
    brackets: tuple[SortedBracket, ...]
    left_out: tuple[LeftOut, ...]


def group_folder(
    folder: Path,
    settings: GroupSettings = GroupSettings(),
    *,
    without: Path | None = None,
    results: frozenset[Path] = frozenset(),
) -> Grouping:
    """Sort the pictures at and below a folder into brackets; a bracket never spans folders unless a pattern says so.

    Args:
        folder: where the pictures are.
        settings: the method and what it needs.
        without: a folder to keep out of.
        results: real paths of files that are results of earlier runs.

    Raises:
        DataError: the folder is missing, holds no pictures, or cannot be sorted as asked.
    """
    pattern = compile_pattern(settings.pattern) if settings.pattern is not None else None
    listing = list_exposures(folder, without=without, results=results, raw=settings.raw)
    if not listing.folders:
        raise DataError(f"{display_name(folder)} holds no pictures to fuse; give another folder")
    if pattern is not None:
        method, (brackets, left_out) = "pattern", group_by_name(folder, listing.pictures, pattern)
    elif settings.count is not None:
        method, (brackets, left_out) = "count", (_by_count(folder, listing, settings.count), list[LeftOut]())
    elif settings.by == "folder":
        method, (brackets, left_out) = "folder", group_by_folder(folder, listing.folders)
    else:
        guess = settings.by == "auto"
        method, brackets, left_out = group_by_shots(folder, listing.folders, settings.max_gap, guess=guess)
    return Grouping(method, tuple(brackets), (*listing.left_out, *left_out))


def _by_count(folder: Path, listing: Listing, count: int) -> list[SortedBracket]:
    brackets = []
    for place, paths in listing.folders.items():
        if len(paths) % count:
            raise DataError(
                f"the {len(paths)} pictures in {display_name(place)} cannot be shared out to brackets of {count}; "
                "take out what is too many, or sort another way"
            )
        for i in range(0, len(paths), count):
            shots = tuple(Shot(path) for path in paths[i : i + count])
            brackets.append(SortedBracket(shots[0].path.stem, place.relative_to(folder), shots))
    return brackets
