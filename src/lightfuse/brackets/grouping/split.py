"""Where one bracket ends and the next begins, by exposures alone."""

from collections.abc import Sequence
from itertools import pairwise

SAME = 0.2  # Stops: less than the third of a stop cameras step by, more than the rounding of 1/60 s.
_DRIFT = 0.5  # How far, in parts of its spread, the light may have changed from one bracket to the next.


def split_by_exposure(evs: Sequence[float]) -> list[range]:
    """Cut shots taken one after another into brackets; returns ranges of indices that cover them all, in order.

    In turn: a pattern that repeats (0 −2 +2, 0 −2 +2), also while the light drifts, the last time maybe cut short;
    brackets of the same exposures in any order (−2 0 +2, +2 0 −2); one bracket with an exposure shot twice
    (−2 0 0 +2); and else a new bracket wherever an exposure comes back.

    Args:
        evs: in stops, of each shot.
    """
    count = len(evs)
    if count == 0:
        return []
    period = _period(evs)
    if period:
        return [range(start, min(start + period, count)) for start in range(0, count, period)]
    greedy = _split_at_repeats(evs)
    if len(greedy) == 1 or _same_exposures(evs, greedy):
        return greedy
    unrepeated = [0] + [here for before, here in pairwise(range(count)) if not _same(evs[before], evs[here])]
    if len(unrepeated) == count:
        return greedy
    return _spread(split_by_exposure([evs[i] for i in unrepeated]), unrepeated, count)


def repeats(evs: Sequence[float]) -> dict[int, int]:
    """Which shots repeat the exposure of an earlier one, and which that is, by index."""
    found: dict[int, int] = {}
    for here, ev in enumerate(evs):
        first = next((i for i in range(here) if _same(evs[i], ev)), here)
        if first != here:
            found[here] = first
    return found


def _period(evs: Sequence[float]) -> int | None:
    """The least number of different exposures, two or more, that the shots go through again and again."""
    for period in range(2, len(evs)):
        pattern = evs[:period]
        if repeats(pattern):
            return None  # So does every longer one.
        if all(_continues(evs, start, period) for start in range(period, len(evs), period)):
            return period
    return None


def _continues(evs: Sequence[float], start: int, period: int) -> bool:
    """Whether the bracket from ``start`` has the steps of the one before, and about its light."""
    before, here = evs[start - period : start], evs[start : start + period]
    drift = here[0] - before[0]
    settled = len(here) == period or start > period  # One bracket and a part of another prove no drift.
    allowed = _DRIFT * (max(before) - min(before)) if settled else SAME
    return abs(drift) <= allowed and all(_same(h - drift, b) for h, b in zip(here, before, strict=False))


def _split_at_repeats(evs: Sequence[float]) -> list[range]:
    starts = [0]
    for i in range(1, len(evs)):
        if any(_same(evs[j], evs[i]) for j in range(starts[-1], i)):
            starts.append(i)
    return [range(a, b) for a, b in pairwise([*starts, len(evs)])]


def _same_exposures(evs: Sequence[float], groups: Sequence[range]) -> bool:
    """Whether all groups hold the same exposures, two or more, in whatever order."""
    first, *others = (sorted(evs[i] for i in group) for group in groups)
    return len(first) >= 2 and all(len(other) == len(first) and all(map(_same, first, other)) for other in others)


def _spread(groups: Sequence[range], kept: Sequence[int], count: int) -> list[range]:
    """Groups of kept shots as groups of all shots: those between go with the one before them."""
    starts = [kept[group.start] for group in groups]
    return [range(a, b) for a, b in pairwise([*starts, count])]


def _same(a: float, b: float) -> bool:
    return abs(a - b) < SAME
