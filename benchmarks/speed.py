"""Speed and memory of fusing arrays, as ratios measured in one run: python benchmarks/speed.py [--megapixels 24].

Times are medians of alternating runs after a warm-up, so that a drifting machine moves both sides of a ratio.
Memory is the peak resident size of a process of its own that makes two pictures, fuses them and does nothing else.
What a whole `lightfuse fuse` takes, files and all, is measured by whole_process.py.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lightfuse import Fuser, core
from lightfuse.models import shipped_models

Picture = NDArray[Any]
Job = Callable[[], Any]

_GOALS = {"base": 2.0, "small": 1.0, "paper": 6.0}
_PAUSE = 0.02  # OpenCV's threads stay awake for a while after their work, on cores that the next job wants.
_FRAME = (3840, 2160)
_FRAMES_A_SECOND = {"base": 30, "small": 60}
_MEMORY_PROGRAM = """
import resource, sys
import numpy as np
from lightfuse import Fuser
model, width, height, threads = sys.argv[1], *map(int, sys.argv[2:5])
under, over = (np.full((height, width, 3), level, np.uint8) for level in (40, 180))
under[0], over[0] = 0, 255
Fuser(model, threads)(under, over)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def main() -> None:
    """Measure and print every table."""
    arguments = _arguments()
    width = round((arguments.megapixels * 1e6 * 1.5) ** 0.5 / 8) * 8
    height = round(width / 1.5 / 8) * 8
    cv2.setNumThreads(arguments.threads)
    print(f"{width}×{height}, {arguments.threads} threads, {core.instruction_sets()[0]}, OpenCV {cv2.__version__}")
    _print_memory(width, height, arguments.threads)  # First: a child's peak starts from its parent's size.
    _print_models(width, height, arguments)
    _print_ratios(width, height, arguments)
    if arguments.frames:
        _print_frames(arguments)


def _print_models(width: int, height: int, arguments: argparse.Namespace) -> None:
    """Every model against the cheapest operation on two pictures there is."""
    under, over, out = synthetic_pair(width, height)
    jobs: dict[str, Job] = {"cv2.addWeighted": lambda: cv2.addWeighted(under, 0.5, over, 0.5, 0, dst=out)}
    for model in shipped_models():
        jobs[model] = partial(Fuser(model, arguments.threads), under, over, out)
    times = alternate(jobs, arguments.runs)
    print("\n| uint8 arrays in memory | median | × cv2.addWeighted | goal | megapixels/s |\n|---|---|---|---|---|")
    for name, seconds in times.items():
        ratio, goal = seconds / times["cv2.addWeighted"], f"≤ {_GOALS[name]:g}" if name in _GOALS else ""
        print(f"| {name} | {seconds * 1000:.1f} ms | {ratio:.2f} | {goal} | {width * height / seconds / 1e6:.0f} |")


def _print_ratios(width: int, height: int, arguments: argparse.Namespace) -> None:
    """Two depths, two numbers of threads, and OpenCV's fusion, all with the default model."""
    under, over, out = synthetic_pair(width, height)
    under16, over16 = (picture.astype(np.uint16) * 257 for picture in (under, over))
    out16 = np.zeros_like(under16)
    fuser, alone = Fuser(threads=arguments.threads), Fuser(threads=1)
    times = alternate(
        {
            "8 bit": partial(fuser, under, over, out),
            "16 bit": partial(fuser, under16, over16, out16),
            "one thread": partial(alone, under, over, out),
        },
        arguments.runs,
    )
    print("\n| base | median | ratio | goal |\n|---|---|---|---|")
    print(f"| 8 bit | {times['8 bit'] * 1000:.1f} ms | | |")
    print(f"| 16 bit, × 8 bit | {times['16 bit'] * 1000:.1f} ms | {times['16 bit'] / times['8 bit']:.2f} | ≤ 1.6 |")
    faster = times["one thread"] / times["8 bit"]
    print(f"| one thread, × {arguments.threads} | {times['one thread'] * 1000:.1f} ms | {faster:.2f} | ≥ 1.8 |")
    if arguments.mertens:
        start = time.perf_counter()
        cv2.createMergeMertens().process([under, over])
        mertens = time.perf_counter() - start
        print(f"| OpenCV Mertens (one run), × 8 bit | {mertens:.1f} s | {mertens / times['8 bit']:.0f} | ≥ 60 |")


def _print_frames(arguments: argparse.Namespace) -> None:
    """Frames of a film, one Fuser and one output for all; memory must not grow from the first hundred on."""
    under, over, out = synthetic_pair(*_FRAME)
    print(f"\n| {arguments.frames} frames of 3840×2160 | frames/s | goal | memory grown by |\n|---|---|---|---|")
    for model, goal in _FRAMES_A_SECOND.items():
        fuser = Fuser(model, arguments.threads)
        for _ in range(min(100, arguments.frames)):
            fuser(under, over, out)
        before, start = _peak_kilobytes(), time.perf_counter()
        for _ in range(arguments.frames):
            fuser(under, over, out)
        seconds, grown = time.perf_counter() - start, _peak_kilobytes() - before
        print(f"| {model} | {arguments.frames / seconds:.0f} | ≥ {goal} | {grown} kB |")


def _print_memory(width: int, height: int, threads: int) -> None:
    print("| peak memory of a process that fuses | MB | three pictures, MB | over them, MB |\n|---|---|---|---|")
    pictures = 9 * width * height / 1e6
    for model in shipped_models():
        peak = peak_memory(model, width, height, threads) / 1e6
        print(f"| {model} | {peak:.0f} | {pictures:.0f} | {peak - pictures:.0f} |")


def synthetic_pair(width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Noise twice as bright in over as in under, and a touched output: no first-use page faults in the timings."""
    under = np.random.default_rng(0).integers(0, 128, (height, width, 3), dtype=np.uint8)
    over = (under * 2).astype(np.uint8)
    return under, over, np.zeros_like(under)


def alternate(jobs: Mapping[str, Job], runs: int) -> dict[str, float]:
    """Median seconds of each job, all jobs taking turns, after one warm-up each."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for run in range(runs + 1):
        for name, job in jobs.items():
            time.sleep(_PAUSE)
            start = time.perf_counter()
            job()
            if run:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_memory(model: str, width: int, height: int, threads: int) -> int:
    """Peak resident bytes of a process that imports LightFuse, makes two pictures and fuses them."""
    words = [sys.executable, "-c", _MEMORY_PROGRAM, model, str(width), str(height), str(threads)]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def _peak_kilobytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Speed and memory of fusing arrays, as ratios measured in one run.")
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--frames", type=int, default=600, help="4K frames to fuse one after another; 0 for none")
    parser.add_argument("--no-mertens", dest="mertens", action="store_false", help="leave out OpenCV's fusion (slow)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
