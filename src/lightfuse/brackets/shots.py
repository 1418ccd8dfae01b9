"""Shots: picture files with what EXIF says of them, in the order of a camera's counter, told apart by its clock."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from lightfuse.brackets.bracket import relative_exposure
from lightfuse.images import ShotInfo

_NOISE_REDUCTION = 1.0  # Seconds: from this exposure on, a camera may take a dark frame as long after it.
_NUMBERED = re.compile(r"(.*?)(\d+)\D*")  # A name without its suffix: what stands before the last number, and that.
_LAST_NUMBERS = frozenset({999, 9999, 99999})  # After these a camera's counter starts again with 0 or 1.
_MOST_MISSING = 20  # Numbers that deleted pictures may leave out of a run.
_SET_BACK = 30.0  # Seconds by which the time must fall within a run for the clock to have been set back.
_LEAST_IN_RUN = 6  # Two brackets: fewer pictures follow each other by chance.


@dataclass(frozen=True, slots=True)
class Shot:
    """One exposure: its file, and its EXIF."""

    path: Path
    info: ShotInfo = field(default_factory=ShotInfo)

    @property
    def camera(self) -> tuple[str, str, str]:
        """Make, model and serial number, each empty where EXIF does not say."""
        return self.info.make or "", self.info.model or "", self.info.serial or ""

    @property
    def ev(self) -> float | None:
        """Relative exposure in EV, larger for brighter; None without a shutter time."""
        return relative_exposure(self.info)


def gap_between(before: Shot, after: Shot) -> float:
    """Seconds from the end of one exposure to the start of the next; 0 where a time is missing.

    After a long exposure, the dark frame of long-exposure noise reduction may be part of the exposure.
    """
    if before.info.moment is None or after.info.moment is None:
        return 0.0
    exposure = before.info.exposure_time or 0.0
    busy = 2 * exposure if exposure >= _NOISE_REDUCTION else exposure
    return max(0.0, (after.info.moment - before.info.moment).total_seconds() - busy)


# ---- The order of names ----------------------------------------------------------------------------------------------


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts ``2`` before ``10``."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def in_name_order(names: Iterable[str]) -> list[str]:
    """Names of one folder in natural order, but IMG_9999 before IMG_0001 where a camera's counter has started again.

    What was shot before that ends at the last number, and is taken to begin after the longest gap of numbers.
    """
    ordered = sorted(names, key=natural_key)
    numbered = [_numbered(name) for name in ordered]
    for last, (prefix, number) in enumerate(numbered):
        if number not in _LAST_NUMBERS:
            continue
        first = next(i for i, (other, _) in enumerate(numbered) if other == prefix)
        steps = [b - a for (_, a), (_, b) in pairwise(numbered[first : last + 1])]
        if numbered[first][1] <= 1 and max(steps, default=0) > _MOST_MISSING:
            cut = first + 1 + steps.index(max(steps))
            ordered[first : last + 1] = ordered[cut : last + 1] + ordered[first:cut]
    return ordered


def _numbered(name: str) -> tuple[str, int]:
    """What stands before the last number in a name, suffix aside, and the number; -1 where there is none."""
    found = _NUMBERED.fullmatch(Path(name).stem)
    return (found[1], int(found[2])) if found else (name, -1)


# ---- Clocks ----------------------------------------------------------------------------------------------------------


def by_clock(shots: Sequence[Shot]) -> list[list[Shot]]:
    """Divide timed shots of what seems to be one camera where they cannot have been timed by one clock.

    Pictures that a camera numbered one after the other are a run. Runs of two brackets or more that overlap in time
    come from two cameras of one model, or from before and after a clock was set back (at the end of summer time).

    Args:
        shots: in the order of their names.

    Returns:
        The shots of each clock, one at least.
    """
    runs: list[list[Shot]] = []
    for shot in shots:
        if runs and _follows(runs[-1][-1], shot):
            runs[-1].append(shot)
        else:
            runs.append([shot])
    clocks: list[list[Shot]] = [[]]
    spans: list[list[tuple[datetime, datetime]]] = [[]]  # When long runs begin and end, of each clock.
    for run in runs:
        own, at = _span(run), 0
        if own is not None:
            clear = (i for i, taken in enumerate(spans) if all(b <= own[0] or own[1] <= a for a, b in taken))
            at = next(clear, len(clocks))
            if at == len(clocks):
                clocks.append([])
                spans.append([])
            spans[at].append(own)
        clocks[at] += run
    return clocks


def _follows(before: Shot, after: Shot) -> bool:
    (prefix, number), (other, following) = _numbered(before.path.name), _numbered(after.path.name)
    step = 1 if number in _LAST_NUMBERS and following <= 1 else following - number
    earlier, later = before.info.moment, after.info.moment
    back = (earlier - later).total_seconds() if earlier and later else 0.0
    return prefix == other and 0 < step <= _MOST_MISSING and back <= _SET_BACK


def _span(run: Sequence[Shot]) -> tuple[datetime, datetime] | None:
    """When a run begins and ends; None where it is short, or has one exposure only, and so holds no brackets."""
    times = [shot.info.moment for shot in run if shot.info.moment is not None]
    exposures = {(shot.ev, shot.info.exposure_bias) for shot in run}
    return (min(times), max(times)) if len(times) >= _LEAST_IN_RUN and len(exposures) > 1 else None
