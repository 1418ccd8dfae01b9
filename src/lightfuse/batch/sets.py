"""Sets: brackets of one panorama or sequence, recognised by exposures, times and content, that get one tone."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lightfuse.batch.plan import BracketJob, BracketSet
from lightfuse.brackets.agreement import averaged, white_balanced
from lightfuse.brackets.bracket import Frame, in_one_profile, make_bracket, relative_exposures
from lightfuse.brackets.exif_groups import SAME_EV
from lightfuse.brackets.grouping import GroupedBracket
from lightfuse.brackets.reading import read_frames
from lightfuse.brackets.selection import extreme_pair, fuse_selection, select_exposures
from lightfuse.brackets.similarity import overlap, same_view
from lightfuse.errors import LightFuseError
from lightfuse.fuser import Context, Fuser, Tone, tone_key
from lightfuse.images import ShotInfo, probe_picture, read_picture
from lightfuse.options import FuseOptions
from lightfuse.pipeline import in_fusing_coding
from lightfuse.sheets import shrink

Item = TypeVar("Item")
Array = NDArray[Any]

_SMALLEST_SET = 3
_SIDE = 640  # pixels of the longer side of the small frames that tones and overlaps are found on
_SAMPLED = 12  # brackets of a set whose mean tone is taken
_LINKS = 4  # pairs of neighbours that are looked at
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


def _runs(brackets: Sequence[GroupedBracket]) -> Iterator[list[int]]:
    shots: list[list[ShotInfo]] = []
    for bracket in brackets:
        shots.append([shot.info for shot in bracket.shots])
        for at, shot in enumerate(bracket.shots):
            with suppress(LightFuseError):
                shots[-1][at] = shot.info if shot.info.taken else probe_picture(shot.path).shot
    run: list[int] = []
    interval: float | None = None  # In seconds.
    odd: int | None = None  # A bracket that does not follow, such as one that lacks a picture, does not end the run.

    def gap_to(position: int) -> float | None:
        """Seconds from the start of one bracket to the next, up to a position; None where a time is missing."""
        times = [[shot.moment for shot in shots[at] if shot.moment] for at in (run[-1], position)]
        return (min(times[1]) - min(times[0])).total_seconds() / (position - run[-1]) if all(times) else None

    def follows(position: int) -> bool:
        before, here = brackets[run[-1]], brackets[position]
        gap = gap_to(position)
        is_regular = interval is not None and gap is not None and abs(gap - interval) <= _IRREGULAR * interval + 1
        return (
            (gap is None or gap <= _PAUSE or is_regular or len(run) == 1)
            and here.folder == before.folder
            and len(here.shots) == len(before.shots)
            and _same_exposures(shots[run[-1]], shots[position])
        )

    for position in range(len(brackets)):
        if run and odd is not None and not follows(position):
            yield run
            run, interval, odd = [odd], None, None
        if run and not follows(position):
            odd = position
            continue
        interval, odd = gap_to(position) if run else None, None
        run.append(position)
    yield run


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
    """Read exposures and reduce them to a longer side of 640 pixels; a task for a worker.

    Raises:
        PictureError: one cannot be read.
    """
    if len(inputs) > 1:
        frames, _ = read_frames(inputs, max_pixels=max_pixels, white_level=white_level)
    else:
        frames = [read_picture(inputs[0], max_pixels=max_pixels, white_level=white_level)]
    return [replace(f, pixels=np.ascontiguousarray(shrink(f.pixels, _SIDE, _SIDE)), alpha=None) for f in frames]


def is_set(candidate: BracketSet, executor: Executor, options: FuseOptions) -> bool:
    """Whether brackets are one set: a person says so, or their pictures overlap."""
    return candidate.named or _is_still(candidate.jobs, partial(_read_small, executor, options)) is not None


def find_tone(candidate: BracketSet, executor: Executor, fuser: Fuser, options: FuseOptions) -> Tone | None:
    """The tone that suits the brackets of a set on the whole: the mean of a sample of them.

    Args:
        candidate: brackets that may be a set.
        executor: runs the reading, a bracket a task.
        fuser: a context model.
        options: how the brackets are fused.

    Returns:
        None if it is no set. Brackets that cannot be read have no part in it.
    """
    read = partial(_read_small, executor, options)
    still = _is_still(candidate.jobs, read)
    if still is None and not candidate.named:
        return None
    sample = read([job.inputs for job in _spread(candidate.jobs, _SAMPLED)])
    brackets = [pixels for frames in sample if (pixels := _agreeing(frames))]
    return _common_tone(brackets, fuser, still=bool(still), extremes=options.exposures == "extremes")


def _read_small(executor: Executor, options: FuseOptions, brackets: Sequence[Sequence[Path]]) -> list[list[Frame]]:
    """The small frames of brackets; none where one cannot be read, which its bracket is to say when it is fused."""
    limits = options.max_pixels, options.white_level
    read: list[list[Frame]] = []
    for task in [executor.submit(small_frames, paths, *limits) for paths in brackets]:
        read.append([])
        with suppress(LightFuseError):
            read[-1] = task.result()
    return read


def _agreeing(frames: Sequence[Frame]) -> list[Array]:
    """The pixels of a bracket's frames as they are fused but for alignment; none where it cannot be fused."""
    with suppress(LightFuseError):
        bracket, _ = in_fusing_coding(in_one_profile(make_bracket(frames)))
        return averaged(white_balanced(bracket)).pixels
    return []


def _is_still(jobs: Sequence[BracketJob], read: Callable[[Sequence[Sequence[Path]]], list[list[Frame]]]) -> bool | None:
    """Whether the camera stood still all the time; None where neighbours do not even overlap.

    The middle exposures are compared; of a dark or bright part of a scene, another may be the one that shows it.
    """
    links = _spread(list(pairwise(jobs)), _LINKS)
    count = len(jobs[0].inputs)

    def views(position: int) -> dict[BracketJob, Array]:
        linked = list(dict.fromkeys(chain(*links)))
        frames = read([job.inputs[position : position + 1] for job in linked])
        return {job: found[0].pixels for job, found in zip(linked, frames, strict=True) if found}

    seen = views(count // 2)
    links = [link for link in links if seen.keys() >= set(link)]
    if not links:
        return None
    pairs = [(seen[a], seen[b]) for a, b in (*links, (links[0][0], links[-1][1]))]
    if any(a.shape != b.shape for a, b in pairs):
        return None
    same = [same_view(a, b) for a, b in pairs]
    if all(same):
        return True
    links = [link for link, is_same in zip(links, same[:-1], strict=True) if not is_same]
    for position in sorted(range(count), key=lambda position: abs(position - count // 2)):
        seen = seen if position == count // 2 else views(position)
        links = [(a, b) for a, b in links if not (a in seen and b in seen and overlap(seen[a], seen[b]))]
    return None if links else False


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


def _spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most so many of the items, evenly spaced, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]
