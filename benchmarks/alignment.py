"""How well hand-held frames are laid on one another: python -m benchmarks.alignment [--trials 20] [--brackets FOLDER].

Synthetic trials: sample brackets of 2 megapixels, 8 bits, with sensor noise, each shaken by a movement drawn anew: up
to 3 % of the width to each side, 2 degrees, 0.6 % of perspective. Real ones: static brackets below a folder, their
extreme pair, the darker frame warped by such a movement and both cut inside, so that no border gives it away. Tripods
slip and focus breathes: the truth there is the drawn movement after the place found for the frame as it was taken.

An error is the distance by which a corner misses its true place, in pixels, for the mean or the worst of the four. A
trial is solved when its worst corner is within 1 pixel, and made worse when the mean one lies further off than before.
"""

import argparse
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lightfuse.align import align_bracket
from lightfuse.brackets.bracket import base_exposure, brightness, darkest_first
from tools.synthetic import HandShake, sample_bracket

Array = NDArray[Any]

_WIDTH, _HEIGHT = 1728, 1152
_BRACKETS = ((-1.0, 1.0), (-2.0, 2.0), (-3.0, 3.0), (-4.0, 4.0), (-4.0, 0.0, 4.0), (-3.0, -1.5, 0.0, 1.5, 3.0))
_SCENES = 10


@dataclass(frozen=True)
class Trial:
    """Errors of one frame's corners before and after, in pixels, and the largest movement that was made."""

    before: Array
    after: Array
    moved: float


def main() -> None:
    """Measure and print the tables."""
    arguments = _arguments()
    cv2.setNumThreads(arguments.threads)
    columns = "trials | moved by | mean corner: median | 90 % | worst corner: median | 90 % | solved | made worse"
    print(f"| bracket | {columns} |\n|{' --- |' * 9}", flush=True)
    for evs in _BRACKETS:
        _print_row(f"{_named(evs)}, shaken", _synthetic(evs, arguments.trials))
    for evs in _BRACKETS[2:4]:
        _print_row(f"{_named(evs)}, steady", _synthetic(evs, arguments.trials, HandShake()))
    if arguments.brackets:
        _print_row("real, shaken", _real(arguments.brackets))
    print("\n| 24 megapixels, a pair 6 stops apart | seconds |\n| --- | --- |")
    for dtype in (np.uint8, np.uint16, np.float32):
        print(f"| {np.dtype(dtype).name}, {arguments.threads} threads | {_seconds(dtype, arguments.threads):.2f} |")


def drawn_shake(rng: np.random.Generator, frames: int = 2) -> HandShake:
    """A movement from each frame to the next, such that the first and the last are within the limits."""
    share = 1 / (frames - 1)
    shift = rng.uniform(-0.03, 0.03, 2) * share
    tilt = rng.uniform(-0.006, 0.006, 2) * share
    return HandShake((shift[0], shift[1]), rng.uniform(-2, 2) * share, (tilt[0], tilt[1]))


def _synthetic(evs: tuple[float, ...], trials: int, shake: HandShake | None = None) -> Iterator[Trial]:
    """Trials of one kind of bracket, over the scenes: every frame's place against the base exposure counts."""
    for number in range(trials):
        rng = np.random.default_rng((number, len(evs), 17))
        drawn = shake or drawn_shake(rng, len(evs))
        sample = sample_bracket(_WIDTH, _HEIGHT, evs, seed=number % _SCENES, shake=drawn)
        base = base_exposure([brightness(picture) for picture in sample.pictures])
        aligned = align_bracket(sample.pictures, base)
        to_first = np.linalg.inv(sample.homographies[base])
        for index, truth in enumerate(sample.homographies):
            if index != base:
                yield _trial(aligned.warps[index], truth @ to_first, _WIDTH, _HEIGHT, aligned.moves[index])


def _real(folder: Path) -> Iterator[Trial]:
    from lightfuse.brackets.files import find_brackets
    from lightfuse.images import read_picture

    for number, found in enumerate(find_brackets(folder)):
        pictures = [read_picture(path).pixels for path in found.exposures]
        order = darkest_first([brightness(picture) for picture in pictures])
        base, frame = pictures[order[-1]], pictures[order[0]]
        if base.shape != frame.shape:
            continue
        height, width = base.shape[:2]
        drawn = drawn_shake(np.random.default_rng((number, 71)))
        margin = drawn.margin(width, height)
        cut = np.s_[margin : height - margin, margin : width - margin]
        inner = width - 2 * margin, height - 2 * margin
        warp = drawn.matrix(*inner)
        shaken = cv2.warpPerspective(
            frame, warp @ np.array([[1, 0, -margin], [0, 1, -margin], [0, 0, 1.0]]), inner, flags=cv2.INTER_CUBIC
        )
        as_taken = align_bracket([base[cut], frame[cut]], 0)
        aligned = align_bracket([base[cut], shaken], 0)
        yield _trial(aligned.warps[1], warp @ as_taken.warps[1], *inner, aligned.moves[1])


def _trial(found: Array, truth: Array, width: int, height: int, moved: float) -> Trial:
    return Trial(_corners_apart(np.eye(3), truth, width, height), _corners_apart(found, truth, width, height), moved)


def _corners_apart(first: Array, second: Array, width: int, height: int) -> Array:
    at = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1.0]]).T
    one, other = first @ at, second @ at
    return np.asarray(np.linalg.norm(one[:2] / one[2] - other[:2] / other[2], axis=0))


def _print_row(name: str, made: Iterable[Trial]) -> None:
    trials = list(made)
    mean, worst = [float(t.after.mean()) for t in trials], [float(t.after.max()) for t in trials]
    solved = sum(error <= 1 for error in worst)
    made_worse = sum(float(t.after.mean()) > float(t.before.mean()) + 1e-9 for t in trials)
    figures = [
        np.median([t.before.mean() for t in trials]),
        *np.quantile(mean, (0.5, 0.9)),
        *np.quantile(worst, (0.5, 0.9)),
    ]
    told = " | ".join(f"{figure:.2f}" for figure in figures)
    print(f"| {name} | {len(trials)} | {told} | {solved / len(trials):.0%} | {made_worse} |", flush=True)


def _named(evs: tuple[float, ...]) -> str:
    return f"{len(evs)} frames, {evs[-1] - evs[0]:g} stops"


def _seconds(dtype: type[np.generic], threads: int) -> float:
    """Median time of aligning a pair at 6000×4000, moved and filled."""
    sample = sample_bracket(3000, 2000, shake=HandShake.typical(1), bits=16)
    scale = {np.dtype(np.uint8): 1 / 257, np.dtype(np.uint16): 1.0}.get(np.dtype(dtype), 1 / 65535)
    frames = [
        cv2.resize((picture * scale).astype(dtype), (6000, 4000), interpolation=cv2.INTER_LINEAR)
        for picture in sample.pictures
    ]
    times = []
    for _ in range(4):
        start = time.perf_counter()
        aligned = align_bracket(frames, 1, threads=threads)
        times.append(time.perf_counter() - start)
        if aligned.moves[0] < 1:
            raise SystemExit("the timed frame was not moved: its time says nothing")
    return statistics.median(times[1:])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How well, and how fast, hand-held frames are laid on one another.")
    parser.add_argument("--trials", type=int, default=20, help="brackets of each kind")
    parser.add_argument("--brackets", type=Path, help="a folder of real static brackets")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
