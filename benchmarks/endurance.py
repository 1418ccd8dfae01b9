"""Long runs in one process: memory, threads and open files must stay level.

    python -m benchmarks.endurance fusions --count 50000     arrays of every type and model; each hundredth: files
    python -m benchmarks.endurance stream --minutes 60 --rate 10

`stream` takes pairs at a camera's pace, so that an hour of it is an hour of use. Linux only: figures are of /proc.
"""

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse import FuseOptions, Fuser, fuse_files
from lightfuse.images import write_picture
from tools.synthetic import sample_bracket

Pair = tuple[NDArray[Any], NDArray[Any]]
_LEVEL = 4 << 20  # Bytes by which memory may rise from a tenth of the run to its end: less than a leak of any picture.


class Levels:
    """Samples of what this process holds: resident bytes, threads and handles."""

    def __init__(self) -> None:
        self.samples: list[tuple[int, int, int]] = []

    def sample(self) -> None:
        """Take one sample."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.samples.append(
            (pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")))
        )

    def report(self, what: str) -> int:
        """Print the first level, a tenth of the way in, and the last and highest since; 1 if one has risen."""
        settled = self.samples[len(self.samples) // 10 :]
        risen = 0
        for index, (name, scale, allowed) in enumerate((("MB", 1e6, _LEVEL), ("threads", 1, 0), ("handles", 1, 0))):
            values = [sample[index] for sample in settled]
            risen |= values[-1] - values[0] > allowed
            print(f"{what}: {name} {values[0] / scale:.0f} at first, {values[-1] / scale:.0f} at last, "
                  f"{max(values) / scale:.0f} at most")  # fmt: skip
        return risen


def fusions(count: int, folder: Path) -> int:
    """Fuse pairs of arrays of every type and model, every hundredth time a bracket from files to a file."""
    levels, began = Levels(), time.monotonic()
    # The context models, whose thumbnail costs the same for the smallest picture, are the fewer.
    fusers = [Fuser(model, threads) for model, threads in ((*[("paper", 2)] * 5, ("small", 1), ("base", 2)))]
    sizes = ((96, 64), (33, 71), (240, 160))
    pairs = [pair for size in sizes for pair in _pairs(*size)]
    brackets = [_bracket_files(folder, suffix) for suffix in (".jpg", ".png", ".tif")]
    options = FuseOptions(overwrite=True)
    for number in range(count):
        fuser = fusers[number % len(fusers)]
        if number % 100 == 99:
            files = brackets[number // 100 % len(brackets)]
            fuse_files(files, folder / f"fused{files[0].suffix}", fuser, options)
        else:
            fuser(*pairs[number // len(fusers) % len(pairs)])
        if number % max(1, count // 1000) == 0:
            levels.sample()
    return levels.report(f"{count:,} fusions in {time.monotonic() - began:,.0f} s")


def stream(minutes: float, rate: float) -> int:
    """Fuse a stream of pairs at so many a second."""
    pairs, fuser, levels, number = itertools.cycle(_pairs(96, 64)[:1]), Fuser("small"), Levels(), 0
    began = time.monotonic()
    for number, _ in enumerate(fuser.stream(_paced(pairs, began + 60 * minutes, rate)), 1):
        if number % max(1, int(rate)) == 0:
            levels.sample()
    return levels.report(f"{number:,} frames of a stream in {time.monotonic() - began:,.0f} s")


def _paced(pairs: Iterator[Pair], end: float, rate: float) -> Iterator[Pair]:
    due = time.monotonic()
    while due < end:
        time.sleep(max(0.0, due - time.monotonic()))
        yield next(pairs)
        due = max(due + 1 / rate, time.monotonic() - 1)


def _pairs(width: int, height: int) -> list[Pair]:
    under, over = sample_bracket(width, height, (-2, 2)).pictures
    under16, over16 = sample_bracket(width, height, (-2, 2), bits=16).pictures
    return [(under, over), (over16, under16), (under / np.float32(255), over / np.float32(255))]


def _bracket_files(folder: Path, suffix: str) -> list[Path]:
    paths = [folder / f"{number}{suffix}" for number in range(3)]
    for path, pixels in zip(paths, sample_bracket(120, 80, (-2, 0, 2)).pictures, strict=True):
        write_picture(path, pixels)
    return paths


def main() -> None:
    """Run, and end with 1 if a level has risen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["fusions", "stream"])
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=10, help="pairs a second of a stream")
    options = parser.parse_args()
    if options.what == "stream":
        sys.exit(stream(options.minutes, options.rate))
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(fusions(options.count, Path(folder)))


if __name__ == "__main__":
    main()
