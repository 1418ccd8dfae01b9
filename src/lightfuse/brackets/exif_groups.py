"""Brackets by EXIF: shots of one camera, close in time, divided where their exposures start to repeat."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from lightfuse.brackets.bracket import relative_exposure
from lightfuse.brackets.files import LeftOut
from lightfuse.images import ShotInfo
from lightfuse.system import display_name

AUTOMATIC, BRACKETING = 0, 2  # EXIF ExposureMode.
SAME_EV = 0.2  # Less than the third of a stop cameras step by, more than the rounding of 1/60 s.
_MAX_DRIFT = 0.5  # Change of light from one bracket to the next, as a fraction of the bracket's EV range.
_BURST_GAP = 2.0  # Seconds between shots of a burst, as seen through time stamps of whole seconds.
_GAP_FACTOR = 5.0  # A gap this many times the usual one ends a bracket.
_NOISE_REDUCTION = 1.0  # Seconds: from this exposure on, a camera may take a dark frame as long after it.
_MIN_EV_RANGE = 0.6  # From darkest to brightest: three exposures a third of a stop apart.
_METERED_RANGE = 1.5  # EV, more than metering changes by within a burst.


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
    if before.info.taken is None or after.info.taken is None:
        return 0.0
    exposure = before.info.exposure_time or 0.0
    busy = 2 * exposure if exposure >= _NOISE_REDUCTION else exposure
    return max(0.0, (after.info.taken - before.info.taken).total_seconds() - busy)


@dataclass
class ExifGroups:
    """The brackets of one folder according to EXIF.

    Attributes:
        groups: the shots of each bracket, two or more, in order of time.
        left_out: shots that belong to no bracket.
        with_exposure: number of shots whose EXIF gives an exposure.
    """

    groups: list[tuple[Shot, ...]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    with_exposure: int = 0


def group_by_exif(shots: Sequence[Shot], max_gap: float = 30.0) -> ExifGroups:
    """Group the shots of one folder into brackets by camera, flash, time, bracketing tags and exposure.

    Shots without a time are taken in name order, as if shot in one burst.

    Args:
        shots: in the order of their names.
        max_gap: seconds between the end of one shot and the start of the next that always end a bracket.
    """
    found = ExifGroups()
    series: dict[tuple[object, ...], list[Shot]] = {}
    taken = {shot.camera for shot in shots if not shot.info.rendered}
    for shot in shots:
        if shot.ev is None and shot.info.exposure_bias is None:
            found.left_out.append(LeftOut(shot.path, "its EXIF tells no exposure"))
            continue
        found.with_exposure += 1
        if shot.info.rendered and shot.camera in taken:
            found.left_out.append(LeftOut(shot.path, "it was made from others, or by a special process of the camera"))
        else:
            series.setdefault((shot.camera, bool(shot.info.flash)), []).append(shot)
    for of_one_camera in series.values():
        for cluster in _clusters(of_one_camera, max_gap):
            _group_cluster(cluster, found)
    order = {shot.path: position for position, shot in enumerate(shots)}
    found.groups.sort(key=lambda group: (_by_time(group[0]), order[group[0].path]))
    return found


def _by_time(shot: Shot) -> datetime:
    return shot.info.taken or datetime.max


# ---- Clusters in time ------------------------------------------------------------------------------------------------


def _clusters(shots: Sequence[Shot], max_gap: float) -> Iterator[list[Shot]]:
    """Runs of shots without a long gap, and either all or none of them tagged as auto exposure bracketing."""
    timed = sorted((shot for shot in shots if shot.info.taken), key=_by_time)
    limit = _longest_gap_within([gap_between(a, b) for a, b in pairwise(timed)], max_gap)
    for run in (timed, [shot for shot in shots if not shot.info.taken]):
        cluster: list[Shot] = []
        for shot in run:
            if cluster and (
                gap_between(cluster[-1], shot) > limit or _is_bracketing(cluster[-1]) != _is_bracketing(shot)
            ):
                yield cluster
                cluster = []
            cluster.append(shot)
        if cluster:
            yield cluster


def _longest_gap_within(gaps: Sequence[float], max_gap: float) -> float:
    """The longest gap that may still lie within a bracket: a multiple of the lower quartile of all gaps.

    In a series of brackets of n shots, n − 1 of n gaps lie within brackets: at least half of them.
    """
    short = sorted(gap for gap in gaps if gap <= max_gap)
    if not short:
        return max_gap
    return min(max_gap, max(_BURST_GAP, _GAP_FACTOR * short[(len(short) - 1) // 4]))


def _is_bracketing(shot: Shot) -> bool:
    return shot.info.exposure_mode == BRACKETING


def _group_cluster(cluster: Sequence[Shot], found: ExifGroups) -> None:
    steps = _exposure_steps(cluster)
    for group in split_by_exposure(steps):
        shots, evs = cluster[group.start : group.stop], steps[group.start : group.stop]
        again = _repeats(shots, evs)
        kept = tuple(shot for i, shot in enumerate(shots) if i not in again)
        ev_range = max(evs) - min(evs)
        if ev_range < _MIN_EV_RANGE or _is_metered_anew(kept, ev_range):
            reason = "it has the exposure of the pictures around it, or the camera metered each anew: no bracket"
            if all(shot.info.flash for shot in shots):
                reason = "its flash fired, and there is no bracket of exposures with flash"
            elif len(shots) == 1:
                reason = "there is no second exposure of its scene"
            found.left_out += [LeftOut(shot.path, reason) for shot in shots]
            continue
        found.groups.append(kept)
        found.left_out += [
            LeftOut(shots[i].path, f"it repeats the exposure of {display_name(shots[one].path.name)}")
            for i, one in sorted(again.items())
        ]


def _repeats(shots: Sequence[Shot], evs: Sequence[float]) -> dict[int, int]:
    """Of shots with one exposure, all but the nearest in time to the rest of the bracket, each with that one."""
    found: dict[int, int] = {}
    for first, ev in enumerate(evs):
        same = [i for i in range(first, len(evs)) if _is_same(evs[i], ev) and i not in found]
        others = [shot for i, shot in enumerate(shots) if i not in same]
        if len(same) > 1:
            kept = min(same, key=lambda i: min((_seconds_apart(shots[i], o) for o in others), default=0.0))
            found |= {i: kept for i in same if i != kept}
    return found


def _seconds_apart(a: Shot, b: Shot) -> float:
    return abs((a.info.taken - b.info.taken).total_seconds()) if a.info.taken and b.info.taken else 0.0


def _exposure_steps(cluster: Sequence[Shot]) -> list[float]:
    """The steps of a bracket in EV: exposure compensation where it varies, otherwise relative exposure.

    With automatic exposure, compensation repeats from bracket to bracket while relative exposure follows the light.
    """
    biases = [shot.info.exposure_bias for shot in cluster]
    evs = [shot.ev for shot in cluster]
    known = [bias for bias in biases if bias is not None]
    if None in evs or (len(known) == len(cluster) and max(known) - min(known) > SAME_EV):
        return [bias or 0.0 for bias in biases]
    return [ev or 0.0 for ev in evs]


def _is_metered_anew(shots: Sequence[Shot], ev_range: float) -> bool:
    """Whether the exposures differ only because the camera metered each of some separate pictures, or of a burst."""
    automatic = all(shot.info.exposure_mode == AUTOMATIC for shot in shots)
    biases = {shot.info.exposure_bias or 0.0 for shot in shots}
    slow = any(gap_between(a, b) > _BURST_GAP for a, b in pairwise(shots))
    return automatic and len(biases) == 1 and (slow or ev_range < _METERED_RANGE)


# ---- Division by exposure --------------------------------------------------------------------------------------------


def split_by_exposure(evs: Sequence[float]) -> list[range]:
    """Divide consecutive shots into brackets; returns ranges of indices that cover them all, in order.

    Tried in turn: a repeating pattern (0 −2 +2, 0 −2 +2), also while the light drifts, and possibly cut short at the
    end; groups of the same exposures in any order (−2 0 +2, +2 0 −2); one bracket with an exposure shot twice
    (−2 0 0 +2); otherwise a new bracket wherever an exposure comes back.

    Args:
        evs: of each shot, in EV.
    """
    count = len(evs)
    if count == 0:
        return []
    period = _period(evs)
    if period:
        return [range(start, min(start + period, count)) for start in range(0, count, period)]
    starts = [0]
    for i in range(1, count):
        if _comes_back(evs, starts[-1], i):
            starts.append(i)
    greedy = [range(a, b) for a, b in pairwise([*starts, count])]
    first, *others = (sorted(evs[i] for i in group) for group in greedy)
    alike = all(len(other) == len(first) and all(map(_is_same, first, other)) for other in others)
    if not others or (alike and len(first) >= 2):
        return greedy
    unrepeated = [0] + [here for before, here in pairwise(range(count)) if not _is_same(evs[before], evs[here])]
    if len(unrepeated) == count:
        return greedy
    starts = [unrepeated[group.start] for group in split_by_exposure([evs[i] for i in unrepeated])]
    return [range(a, b) for a, b in pairwise([*starts, count])]


def _period(evs: Sequence[float]) -> int | None:
    """The smallest number of different exposures, at least two, that all shots repeat periodically."""
    for period in range(2, len(evs)):
        if _comes_back(evs, 0, period - 1):
            return None  # As in every longer pattern.
        if all(_continues(evs, start, period) for start in range(period, len(evs), period)):
            return period
    return None


def _continues(evs: Sequence[float], start: int, period: int) -> bool:
    """Whether the bracket from ``start`` has the steps of the one before it, and nearly the same light."""
    before, here = evs[start - period : start], evs[start : start + period]
    drift = here[0] - before[0]
    conclusive = len(here) == period or start > period  # One bracket and a part of another prove no drift.
    allowed = _MAX_DRIFT * (max(before) - min(before)) if conclusive else SAME_EV
    return abs(drift) <= allowed and all(_is_same(h - drift, b) for h, b in zip(here, before, strict=False))


def _comes_back(evs: Sequence[float], start: int, here: int) -> bool:
    """Whether an exposure is that of an earlier shot, from ``start`` on."""
    return any(_is_same(ev, evs[here]) for ev in evs[start:here])


def _is_same(a: float, b: float) -> bool:
    return abs(a - b) < SAME_EV
