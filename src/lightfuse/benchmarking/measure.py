"""Every method measured alone, in a fresh process: what its first call costs, what a later one does, and memory."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from lightfuse.benchmarking.methods import Method
from lightfuse.benchmarking.pictures import made_up_pair
from lightfuse.errors import LightFuseError


@dataclass(frozen=True)
class Setup:
    """What all methods are given: pictures of this size, and this many threads."""

    width: int
    height: int
    threads: int


@dataclass(frozen=True)
class Measurement:
    """What one method cost.

    ``first_seconds`` is the first call in a fresh process, which also pays for touching new memory and loading code;
    ``seconds`` the median of the ``runs`` calls after it. ``peak_bytes`` is the most memory its process ever held,
    interpreter, libraries and pictures included, and ``pictures_bytes`` what the two pictures and the result take up;
    ``peak_bytes`` is None where the system does not tell.
    """

    method: str
    bits: int
    first_seconds: float
    seconds: float
    runs: int
    megapixels_per_second: float
    peak_bytes: int | None
    pictures_bytes: int
    note: str


def measure_all(
    methods: Sequence[Method],
    setup: Setup,
    progress: Callable[[str], None] = lambda name: None,
    missing: Callable[[str], None] = lambda why: None,
) -> list[Measurement]:
    """Measure methods one after the other.

    ``progress`` hears the name of each before its turn, ``missing`` why one that may fail is left out.

    Raises:
        LightFuseError: another method failed, or there is no room for the pictures (in memory or the temporary folder).
    """
    measured = []
    with tempfile.TemporaryDirectory(prefix="lightfuse-benchmark-") as folder:
        for method in methods:
            progress(method.key)
            pictures = _pictures(Path(folder), setup, method)
            try:
                measured.append(_measure(method, setup, pictures))
            except LightFuseError as error:
                if not method.may_fail:
                    raise
                missing(str(error))
    return measured


def _pictures(folder: Path, setup: Setup, method: Method) -> Path:
    """A folder with the pictures this method works on, made if need be: no process measured makes its own."""
    place = folder / f"{'files' if method.program else 'arrays'}-{method.bits}"
    if not place.exists():
        try:
            place.mkdir()
            pair = made_up_pair(setup.width, setup.height, method.bits)
            for name, picture in zip(("under", "over"), pair, strict=True):
                if method.program:
                    tifffile.imwrite(place / f"{name}.tif", picture, photometric="rgb")
                else:
                    np.save(place / f"{name}.npy", picture)
        except OSError as error:
            raise LightFuseError(f"the pictures cannot be put in {str(place)!r}: {error.strerror}") from None
    return place


def _measure(method: Method, setup: Setup, pictures: Path) -> Measurement:
    command = [sys.executable, "-m", "lightfuse.benchmarking.worker", method.key, str(pictures), str(setup.threads)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        last_words = (ended.stderr.strip().splitlines() or [_silent_end(ended.returncode)])[-1]
        raise LightFuseError(f"{method.name} ({method.bits} bits) could not be measured: {last_words}")
    found = json.loads(ended.stdout)
    pixels = setup.width * setup.height
    return Measurement(
        method=method.name,
        bits=method.bits,
        first_seconds=found["first_seconds"],
        seconds=found["seconds"],
        runs=found["runs"],
        megapixels_per_second=pixels / found["seconds"] / 1e6,
        peak_bytes=found["peak_bytes"],
        pictures_bytes=3 * pixels * 3 * method.bits // 8,
        note=method.note,
    )


def _silent_end(code: int) -> str:
    return "the system ended it, as it does where memory is short" if code < 0 else f"exit code {code}"
