"""Brackets by EXIF: shots of one camera, close in time, that go through different exposures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from lightfuse.brackets.grouping.shots import LeftOut, Shot
from lightfuse.brackets.grouping.split import SAME, repeats, split_by_exposure
from lightfuse.brackets.names import natural_key
from lightfuse.system import display_name

AUTOMATIC, BRACKETING = 0, 2  # EXIF ExposureMode.
_SHORT_GAP = 2.0  # Seconds: a burst, as seen through time stamps of whole seconds.
_GAP_FACTOR = 5.0  # A pause this many times the usual one ends a bracket.
_LEAST_SPREAD = 0.6  # Stops from darkest to brightest: three exposures a third of a stop apart.


@dataclass
class ExifGroups:
    """What EXIF makes of one folder.

    Attributes:
        groups: the shots of each bracket, two or more, in order of time.
        left_out: shots that are part of none.
        told: how many of all shots have EXIF that tells their exposure.
    """

    groups: list[tuple[Shot, ...]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    told: int = 0


def group_by_exif(shots: Sequence[Shot], max_gap: float = 30.0) -> ExifGroups:
    """Sort the shots of one folder into brackets by camera, time, bracketing tags and exposure.

    Shots without a time are taken in the order of their names, as if in one burst.

    Args:
        shots: in natural name order.
        max_gap: seconds between the end of one shot and the next that always end a bracket.
    """
    found = ExifGroups()
    cameras: dict[tuple[str, str, str], list[Shot]] = {}
    for shot in shots:
        if shot.ev is None and shot.info.exposure_bias is None:
            found.left_out.append(LeftOut(shot.path, "its EXIF tells no exposure"))
        else:
            found.told += 1
            cameras.setdefault(shot.camera, []).append(shot)
    for taken_with_one in cameras.values():
        for cluster in _clusters(taken_with_one, max_gap):
            _sort_cluster(cluster, found)
    found.groups.sort(key=lambda group: (group[0].info.taken or datetime.max, natural_key(group[0].path.name)))
    return found


def _clusters(shots: Sequence[Shot], max_gap: float) -> Iterator[list[Shot]]:
    """Shots between which no long pause lies and of which the camera says alike whether it was bracketing."""
    timed = sorted(
        (s for s in shots if s.info.taken), key=lambda s: (s.info.taken or datetime.max, natural_key(s.path.name))
    )
    limit = _longest_pause([_pause(a, b) for a, b in pairwise(timed)], max_gap)
    for run in (timed, [s for s in shots if not s.info.taken]):
        cluster: list[Shot] = []
        for shot in run:
            if cluster and (_pause(cluster[-1], shot) > limit or _is_tagged(cluster[-1]) != _is_tagged(shot)):
                yield cluster
                cluster = []
            cluster.append(shot)
        if cluster:
            yield cluster


def _pause(before: Shot, after: Shot) -> float:
    """Seconds from the end of one shot to the beginning of the next; none where a time is missing."""
    if before.info.taken is None or after.info.taken is None:
        return 0.0
    return max(0.0, (after.info.taken - before.info.taken).total_seconds() - (before.info.exposure_time or 0.0))


def _longest_pause(pauses: Sequence[float], max_gap: float) -> float:
    """The pause that still lies within a bracket: some times the lower quartile, which is one between its shots.

    (In a row of brackets of n shots, n − 1 of n pauses lie within brackets, so half of them at the least.)
    """
    inner = sorted(pause for pause in pauses if pause <= max_gap)
    if not inner:
        return max_gap
    return min(max_gap, max(_SHORT_GAP, _GAP_FACTOR * inner[(len(inner) - 1) // 4]))


def _is_tagged(shot: Shot) -> bool:
    return shot.info.exposure_mode == BRACKETING


def _sort_cluster(cluster: Sequence[Shot], found: ExifGroups) -> None:
    steps = _steps(cluster)
    for group in split_by_exposure(steps):
        again = repeats([steps[i] for i in group])
        shots = [cluster[i] for i in group]
        kept = tuple(shot for i, shot in enumerate(shots) if i not in again)
        spread = max(steps[i] for i in group) - min(steps[i] for i in group)
        if spread < _LEAST_SPREAD or _is_metered(kept):
            found.left_out += [LeftOut(shot.path, _lone_reason(shots)) for shot in shots]
            continue
        found.groups.append(kept)
        found.left_out += [
            LeftOut(shots[i].path, f"it repeats the exposure of {display_name(shots[first].path.name)}")
            for i, first in again.items()
        ]


def _steps(cluster: Sequence[Shot]) -> list[float]:
    """What tells the shots of a bracket apart, in stops: exposure compensation where it was changed, else exposure.

    With automatic exposure the former repeats from bracket to bracket while the latter follows the light.
    """
    biases = [shot.info.exposure_bias for shot in cluster]
    evs = [shot.ev for shot in cluster]
    known = [bias for bias in biases if bias is not None]
    if None in evs or (len(known) == len(cluster) and max(known) - min(known) > SAME):
        return [bias or 0.0 for bias in biases]
    return [ev or 0.0 for ev in evs]


def _is_metered(shots: Sequence[Shot]) -> bool:
    """Whether the exposures differ only because the camera metered anew for each of some unhurried pictures."""
    automatic = all(shot.info.exposure_mode == AUTOMATIC for shot in shots)
    biases = {shot.info.exposure_bias or 0.0 for shot in shots}
    return automatic and len(biases) == 1 and any(_pause(a, b) > _SHORT_GAP for a, b in pairwise(shots))


def _lone_reason(shots: Sequence[Shot]) -> str:
    if len(shots) == 1:
        return "there is no second exposure of its scene"
    return "it has the exposure of the pictures around it, or the camera metered each anew: no bracket"
