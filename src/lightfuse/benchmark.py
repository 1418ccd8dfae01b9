"""How fast this machine fuses, and with how much memory, beside OpenCV's average and Mertens on the same arrays.

Every method is measured alone, in a fresh process: ``python -m lightfuse.benchmark METHOD PICTURES THREADS``.
"""

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import LightFuseError

Picture = NDArray[Any]
Run = Callable[[], object]  # does the whole work once, on pictures it already holds

# As many calls as fit into the time, within these bounds: enough for a median, no half hour of Mertens.
_MOST_RUNS, _MOST_SECONDS = 15, 5.0
_BITS: tuple[Literal[8], Literal[16]] = (8, 16)
_AVERAGE, _MERTENS = "cv2.addWeighted", "cv2 Mertens"


class Method(NamedTuple):
    """One row of the table: its name, or a model's, and the pictures' bits."""

    name: str
    bits: Literal[8, 16]


@dataclass(frozen=True)
class Setup:
    """Size of the pictures in pixels, and number of threads, for all methods."""

    width: int
    height: int
    threads: int


@dataclass(frozen=True)
class Measurement:
    """What one method cost."""

    method: str
    bits: int
    first_seconds: float  # of the first call in a fresh process, which also pays for new memory and loading code
    seconds: float  # median of the calls after it
    runs: int  # number of these
    megapixels_per_second: float
    peak_bytes: int | None  # largest resident size of the process, pictures included; None where the system is silent
    pictures_bytes: int  # of the two pictures and the result


def available_methods(models: Iterable[str]) -> list[Method]:
    """The plain average and Mertens of OpenCV, and the given models.

    OpenCV's Mertens has no 16-bit row: it divides such pictures by 255.
    """
    average = [Method(_AVERAGE, bits) for bits in _BITS]
    return [*average, Method(_MERTENS, 8), *(Method(model, bits) for model in models for bits in _BITS)]


def measure_all(
    methods: Sequence[Method], setup: Setup, progress: Callable[[str], None] = lambda name: None
) -> list[Measurement]:
    """Measure methods one after the other.

    ``progress`` is called with the name of each before its turn. Raises LightFuseError where a method failed, or there
    is no room for the pictures (in memory or the temporary folder).
    """
    measured = []
    with tempfile.TemporaryDirectory(prefix="lightfuse-benchmark-") as folder:
        for method in methods:
            progress(f"{method.name}/{method.bits}")
            measured.append(_measure(method, setup, _pictures(Path(folder), setup, method.bits)))
    return measured


def three_by_two(megapixels: float) -> tuple[int, int]:
    """Width and height of a 3:2 picture of so many megapixels, to the nearest pixel; 24 gives 6000 × 4000."""
    height = max(1, round((megapixels * 1e6 / 1.5) ** 0.5))
    return max(1, round(height * 1.5)), height


def measure_here() -> None:
    """Measure the method that the command line names in this process, and print a JSON record of what was found."""
    with np.load(sys.argv[2]) as pictures:
        run = prepared(sys.argv[1], pictures["under"], pictures["over"], int(sys.argv[3]))
    first = _timed(run)
    seconds = [_timed(run)]
    while len(seconds) < _MOST_RUNS and first + sum(seconds) < _MOST_SECONDS:
        seconds.append(_timed(run))
    found = {"first_seconds": first, "seconds": statistics.median(seconds), "runs": len(seconds)}
    print(json.dumps({**found, "peak_bytes": peak_bytes()}))


def peak_bytes() -> int | None:
    """The largest resident size of this process so far; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    status = Path("/proc/self/status")
    if status.exists():  # Linux: VmHWM starts at nothing, unlike ru_maxrss.
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(encoding="ascii", errors="replace"), re.MULTILINE)
        if found:
            return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _timed(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def prepared(method: str, under: Picture, over: Picture, threads: int) -> Run:
    """Do what a method does only once, and return its work on two pictures."""
    out = np.empty_like(under)
    if method not in (_AVERAGE, _MERTENS):
        from lightfuse.fuser import Fuser

        fuser = Fuser(method, threads)
        return lambda: fuser(under, over, out)
    import cv2

    cv2.setNumThreads(threads)
    if method == _AVERAGE:
        return lambda: cv2.addWeighted(under, 0.5, over, 0.5, 0, dst=out)
    merge = cv2.createMergeMertens()
    return lambda: cv2.convertScaleAbs(merge.process([under, over]), alpha=255)


def _pictures(folder: Path, setup: Setup, bits: Literal[8, 16]) -> Path:
    """A file of pictures of so many bits, made if need be: no process measured makes its own."""
    path = folder / f"{bits}.npz"
    if not path.exists():
        from lightfuse.sample import sample_pair

        under, over = sample_pair(setup.width, setup.height, bits=bits)
        try:
            np.savez(path, under=under, over=over)
        except OSError as error:
            raise LightFuseError(f"the pictures cannot be put in {str(folder)!r}: {error.strerror}") from None
    return path


def _measure(method: Method, setup: Setup, pictures: Path) -> Measurement:
    command = [sys.executable, "-m", "lightfuse.benchmark", method.name, str(pictures), str(setup.threads)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        killed = "the system ended it, as it does where memory is short"
        silent = killed if ended.returncode < 0 else f"exit code {ended.returncode}"
        reason = (ended.stderr.strip().splitlines() or [silent])[-1]
        raise LightFuseError(f"{method.name} ({method.bits} bits) could not be measured: {reason}")
    found = json.loads(ended.stdout)
    pixels = setup.width * setup.height
    return Measurement(
        method=method.name,
        bits=method.bits,
        megapixels_per_second=pixels / found["seconds"] / 1e6,
        pictures_bytes=3 * pixels * 3 * method.bits // 8,
        **found,
    )


if __name__ == "__main__":
    try:
        measure_here()
    except LightFuseError as error:
        raise SystemExit(str(error)) from None
    except MemoryError:
        raise SystemExit("there is not enough memory for pictures of this size") from None
