"""Runs of exposure bracketing that show one scene, taken one right after the other: one bracket, or a hint of it."""

from collections.abc import Callable, Sequence
from itertools import product

from lightfuse.brackets.exif_groups import SAME_EV, Shot, gap_between
from lightfuse.brackets.reading import read_small
from lightfuse.brackets.similarity import COMPARED_SIDE, same_scene
from lightfuse.errors import PictureError

Group = tuple[Shot, ...]

_RIGHT_AFTER = 5.0  # Seconds to the next run within which a person repeats a bracket; a hint is given up to it.
_QUICK = (".jpg", ".jpeg")
_MOST_HINTS = 8  # Pairs whose pictures are compared for the sake of a hint.


def join_runs(
    groups: Sequence[Group], max_gap: float, test: Callable[[Group, Group], bool] | None = None
) -> list[list[Group]]:
    """Divide brackets into series that show one scene; most have a single one.

    Brackets belong together where one camera took them within ``max_gap`` seconds, from the end of the last exposure to
    the start of the next, where their ranges of exposure overlap, and their pictures show one scene.

    Args:
        groups: the shots of each bracket, in order of time.
        max_gap: in seconds.
        test: in place of comparing pictures.
    """
    series: list[list[Group]] = []
    latest: dict[object, list[Group]] = {}
    for group in groups:
        source = group[0].camera, bool(group[0].info.flash)
        before = latest.get(source)
        if before and _may_be_one(before[-1], group, max_gap) and (test or show_one_scene)(before[-1], group):
            before.append(group)
        else:
            latest[source] = [group]
            series.append(latest[source])
    return series


def find_runs(groups: Sequence[Group], max_gap: float) -> list[tuple[Group, Group]]:
    """Pairs of brackets that `join_runs` would join and that are no part of a longer sequence, such as a timelapse.

    Only JPEG files, which are small and quick to read, are looked at.
    """
    series = join_runs(groups, min(max_gap, _RIGHT_AFTER), test=lambda *_: True)
    pairs = [(each[0], each[1]) for each in series if len(each) == 2 and each[0][0].path.suffix.lower() in _QUICK]
    return [pair for pair in pairs[:_MOST_HINTS] if show_one_scene(*pair)]


def _may_be_one(before: Group, after: Group, max_gap: float) -> bool:
    (low, high), (other_low, other_high) = ((min(evs), max(evs)) for evs in (_evs(before), _evs(after)))
    return gap_between(before[-1], after[0]) <= max_gap and max(low, other_low) < min(high, other_high) + SAME_EV


def _evs(group: Group) -> list[float]:
    evs = [shot.ev for shot in group]
    return [ev for ev in evs if ev is not None] if None not in evs else [shot.info.exposure_bias or 0 for shot in group]


def show_one_scene(before: Group, after: Group) -> bool:
    """Whether the frames of two brackets whose exposures are most alike, and nearest to the middle, show one scene."""
    evs = _evs(before), _evs(after)
    middle = (min(evs[0]) + max(evs[0])) / 2
    pairs = product(zip(evs[0], before, strict=True), zip(evs[1], after, strict=True))
    (_, one), (_, other) = min(pairs, key=lambda p: (round(abs(p[0][0] - p[1][0]), 1), abs(p[0][0] - middle)))
    try:
        return same_scene(*(read_small(shot.path, COMPARED_SIDE) for shot in (one, other)))
    except PictureError:
        return False
