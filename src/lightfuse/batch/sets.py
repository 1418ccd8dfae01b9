"""Sets: brackets of one panorama or sequence, recognised by exposures, times and content, that get one tone."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, wait
from contextlib import suppress
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightfuse.batch.executors import EXECUTOR_POLL
from lightfuse.batch.plan import BracketJob, BracketSet
from lightfuse.brackets.agreement import averaged, white_balanced
from lightfuse.brackets.bracket import (
    Frame,
    brightness,
    darkest_first,
    in_one_profile,
    make_bracket,
    relative_exposures,
)
from lightfuse.brackets.exif_groups import SAME_EV, Shot
from lightfuse.brackets.grouping import GroupedBracket
from lightfuse.brackets.reading import read_frames
from lightfuse.brackets.selection import extreme_pair, fuse_selection, select_exposures
from lightfuse.brackets.similarity import overlap, same_view
from lightfuse.errors import LightFuseError
from lightfuse.fuser import Context, Fuser, Tone, tone_key
from lightfuse.images import ShotInfo, probe_picture
from lightfuse.options import FuseOptions
from lightfuse.pipeline import in_fusing_coding
from lightfuse.sheets import shrink

Array = NDArray[Any]

_SMALLEST_SET = 3
_SIDE = 640  # pixels of the longer side of the small frames that tones and overlaps are found on
_LINKS = 4  # pairs of neighbours that are looked at, and whose mean tone is taken
_DRIFT = 1.0  # EV from one bracket of a sequence to the next
_PAUSE = 60.0  # seconds between tiles of a panorama
_IRREGULAR = 0.25  # of the interval of a sequence, plus a second


def candidate_sets(
    brackets: Sequence[GroupedBracket], jobs: Sequence[BracketJob], match: bool | None
) -> list[BracketSet]:
    """Runs of brackets that may be sets, by what their headers say.

    Args:
        brackets: in the order they were shot.
        jobs: theirs.
        match: True makes the brackets of each folder sets, of as many exposures each; False none; None is for content
            to decide, of at least three brackets in a row with the same exposures, at short or equal intervals.
    """
    if match is False:
        return []
    if match:
        alike: dict[tuple[Path, int], list[int]] = {}
        for position, bracket in enumerate(brackets):
            alike.setdefault((bracket.folder, len(bracket.shots)), []).append(position)
        runs = [run for run in alike.values() if len(run) > 1]
    else:
        runs = [run for run in _runs(brackets) if len(run) >= _SMALLEST_SET]
    chosen = [tuple(jobs[position] for position in run) for run in runs]
    return [BracketSet(run, _digest(run), match is True) for run in chosen]


class _Taken(NamedTuple):
    """A bracket as its headers tell it, and its number."""

    number: int
    bracket: GroupedBracket
    shots: list[ShotInfo]

    def seconds_since(self, before: "_Taken") -> float | None:
        """From the start of another to the start of this one, a bracket; None where a time is missing."""
        times = [[shot.taken for shot in taken.shots if shot.taken] for taken in (before, self)]
        return (min(times[1]) - min(times[0])).total_seconds() / (self.number - before.number) if all(times) else None


def _runs(brackets: Sequence[GroupedBracket]) -> Iterator[list[int]]:
    run: list[_Taken] = []
    odd: _Taken | None = None  # One that does not follow, such as one that lacks a picture, does not end the run.
    for number, bracket in enumerate(brackets):
        here = _Taken(number, bracket, [_header(shot) for shot in bracket.shots])
        if odd and not _follows(run, here):
            yield [taken.number for taken in run]
            run, odd = [odd], None
        if run and not _follows(run, here):
            odd = here
        else:
            run, odd = [*run, here], None
    yield [taken.number for taken in run]


def _header(shot: Shot) -> ShotInfo:
    with suppress(LightFuseError):
        return shot.info if shot.info.taken else probe_picture(shot.path).shot
    return shot.info


def _follows(run: Sequence[_Taken], here: _Taken) -> bool:
    """Whether a bracket has the exposures of the last of a run, and follows it at once or after the usual interval."""
    last, gap = run[-1], here.seconds_since(run[-1])
    interval = last.seconds_since(run[-2]) if len(run) > 1 else gap
    is_regular = gap is None or (interval is not None and abs(gap - interval) <= _IRREGULAR * interval + 1)
    return (
        (is_regular or (gap is not None and gap <= _PAUSE))
        and here.bracket.folder == last.bracket.folder
        and len(here.shots) == len(last.shots)
        and _same_exposures(last.shots, here.shots)
    )


def _same_exposures(before: Sequence[ShotInfo], after: Sequence[ShotInfo]) -> bool:
    """Whether two brackets have the same camera and the same steps, and nearly the same exposures."""
    cameras = {(shot.make, shot.model, shot.serial) for shot in (*before, *after)}
    evs = [relative_exposures(shots) for shots in (before, after)]
    if evs[0] is None or evs[1] is None:
        return len(cameras) == 1 and evs[0] is evs[1]
    drift = [b - a for a, b in zip(sorted(evs[0]), sorted(evs[1]), strict=True)]
    return len(cameras) == 1 and max(drift) - min(drift) < SAME_EV and abs(drift[0]) < _DRIFT


def _digest(jobs: Sequence[BracketJob]) -> str:
    digest = hashlib.sha256()
    for path in (path for job in jobs for path in job.inputs):
        with suppress(OSError):
            status = path.stat()
            digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


# ---- By content ------------------------------------------------------------------------------------------------------


def small_frames(inputs: Sequence[Path], max_pixels: int, white_level: float | None) -> list[Frame]:
    """Read the exposures of a bracket and reduce them to a longer side of 640 pixels; a task for a worker.

    Raises:
        PictureError: one cannot be read.
    """
    frames, _ = read_frames(inputs, max_pixels=max_pixels, white_level=white_level)
    return [replace(f, pixels=np.ascontiguousarray(shrink(f.pixels, _SIDE, _SIDE)), alpha=None) for f in frames]


def find_tone(
    candidate: BracketSet, executor: Executor, fuser: Fuser, options: FuseOptions, check: Callable[[], object]
) -> Tone | None:
    """The tone that suits the brackets of a set on the whole: the mean of those of some pairs of neighbours.

    Args:
        candidate: brackets that may be a set.
        executor: runs the reading, a bracket a task.
        fuser: a context model.
        options: how the brackets are fused.
        check: called again and again while they are read; raises what ends the wait, such as that the executor is gone.

    Returns:
        None if it is no set. Brackets that cannot be read, which they are to say when they are fused, have no part.
    """
    pairs = list(pairwise(candidate.jobs))
    links = [pairs[round(at)] for at in np.linspace(0, len(pairs) - 1, min(_LINKS, len(pairs)))]
    limits = options.max_pixels, options.white_level
    chosen = dict.fromkeys(chain(*links))
    paths = {job: tuple(path.absolute() for path in job.inputs) for job in chosen}  # A cluster has its own folder.
    tasks = {job: executor.submit(small_frames, paths[job], *limits) for job in chosen}
    while wait(tasks.values(), EXECUTOR_POLL).not_done:
        check()
    read: dict[BracketJob, list[Frame]] = {}
    for job, task in tasks.items():
        with suppress(Exception):  # Whatever it is, it costs this bracket only.
            read[job] = task.result()
    still = _is_still([(read[a], read[b]) for a, b in links if a in read and b in read])
    if still is None and not candidate.named:
        return None
    brackets = [pixels for frames in read.values() if (pixels := _agreeing(frames))]
    return _common_tone(brackets, fuser, still=bool(still), extremes=options.exposures == "extremes")


def _is_still(links: Sequence[tuple[list[Frame], list[Frame]]]) -> bool | None:
    """Whether the camera stood still all the time, by pairs of neighbours; None where these do not even overlap.

    The middle exposures are compared; of a dark or bright part of a scene, another may be the one that shows it.
    """
    if not links:
        return None
    ends = links[0][0], links[-1][1]
    views = [list(zip(_middle_first(a), _middle_first(b), strict=True)) for a, b in (*links, ends)]
    same = [same_view(*pairs[0]) for pairs in views]
    if all(same):
        return True
    neighbours = zip(views[:-1], same[:-1], strict=True)
    return False if all(is_same or any(overlap(a, b) for a, b in pairs) for pairs, is_same in neighbours) else None


def _middle_first(frames: Sequence[Frame]) -> list[Array]:
    """The pixels of a bracket's frames: of the middle exposure, then of those ever further from it."""
    order = darkest_first([brightness(frame.pixels) for frame in frames])
    outwards = sorted(range(len(order)), key=lambda rank: abs(rank - len(order) // 2))
    return [frames[order[rank]].pixels for rank in outwards]


def _agreeing(frames: Sequence[Frame]) -> list[Array]:
    """The pixels of a bracket's frames as they are fused but for alignment; none where it cannot be fused."""
    with suppress(LightFuseError):
        bracket, _ = in_fusing_coding(in_one_profile(make_bracket(frames)))
        return averaged(white_balanced(bracket)).pixels
    return []


def _common_tone(brackets: Sequence[list[Array]], fuser: Fuser, *, still: bool, extremes: bool) -> Tone | None:
    count = len(brackets[0]) if len(brackets) > 1 else 1
    if count == 1 or any(len(bracket) != count for bracket in brackets):
        return None
    selection = extreme_pair(count) if extremes else select_exposures(*brackets)
    found: list[list[Context]] = []

    def fuse(under: Array, over: Array) -> Array:
        if context := fuser.context(under, over):
            found[-1].append(context)
        return fuser(under, over)

    for bracket in brackets:
        found.append([])
        fuse_selection(selection, bracket, fuse)
    contexts = []
    for step in zip(*found, strict=True):  # Of one pair in every bracket.
        grids = [context.grid for context in step if context.grid is not None]
        same = still and len({grid.shape for grid in grids}) == 1
        strength = float(np.mean([context.strength for context in step]))
        summary = np.mean([context.summary for context in step], axis=0).astype(np.float32)
        contexts.append(Context(strength, summary, np.mean(grids, axis=0).astype(np.float32) if same else None))
    return Tone(count, selection, tuple(contexts), tone_key(fuser.weights))
