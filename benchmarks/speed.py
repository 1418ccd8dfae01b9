"""Speed and memory of fusing, as ratios measured in one run: python benchmarks/speed.py [--megapixels 24].

Times are medians of alternating runs after a warm-up, so that a drifting machine moves both sides of a ratio.
Memory is the peak resident size of a process of its own that makes two pictures, fuses them and does nothing else.
"""

import argparse
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
from lightfuse.weights import shipped_models

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
    """Measure and print the table."""
    arguments = _arguments()
    width = round((arguments.megapixels * 1e6 * 1.5) ** 0.5 / 8) * 8
    height = round(width / 1.5 / 8) * 8
    cv2.setNumThreads(arguments.threads)
    under, over, out = made_up_pair(width, height)
    print(f"{width}×{height}, {arguments.threads} threads, {core.instruction_sets()[0]}, OpenCV {cv2.__version__}")
    jobs: dict[str, Callable[[], Any]] = {"cv2.addWeighted": lambda: cv2.addWeighted(under, 0.5, over, 0.5, 0, dst=out)}
    for model in shipped_models():
        jobs[model] = partial(Fuser(model, arguments.threads), under, over, out)
    times = alternate(jobs, arguments.runs)
    base = times["cv2.addWeighted"]
    print("| uint8 arrays in memory | median | × cv2.addWeighted | megapixels/s |\n| --- | --- | --- | --- |")
    for name, seconds in times.items():
        print(f"| {name} | {seconds * 1000:.1f} ms | {seconds / base:.2f} | {width * height / seconds / 1e6:.0f} |")
    print(
        "\n| peak memory of a process that fuses | MB | three pictures, MB | over them, MB |\n| --- | --- | --- | --- |"
    )
    for model in shipped_models():
        peak, pictures = peak_memory(model, width, height, arguments.threads) / 1e6, 3 * under.nbytes / 1e6
        print(f"| {model} | {peak:.0f} | {pictures:.0f} | {peak - pictures:.0f} |")


def made_up_pair(width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Noise twice as bright in over as in under, and a touched output: no first-use page faults in the timings."""
    under = np.random.default_rng(0).integers(0, 128, (height, width, 3), dtype=np.uint8)
    over = (under * 2).astype(np.uint8)
    return under, over, np.zeros_like(under)


def alternate(jobs: Mapping[str, Callable[[], Any]], runs: int) -> dict[str, float]:
    """Median seconds of each job, all jobs taking turns, after one warm-up each."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for run in range(runs + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if run:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_memory(model: str, width: int, height: int, threads: int) -> int:
    """Peak resident bytes of a process that imports LightFuse, makes two pictures and fuses them."""
    words = [sys.executable, "-c", _MEMORY_PROGRAM, model, str(width), str(height), str(threads)]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Speed and memory of fusing, as ratios measured in one run.")
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    main()
