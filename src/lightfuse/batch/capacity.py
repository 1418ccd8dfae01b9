"""How many brackets this machine can have under way at a time."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

from lightfuse.batch.plan import BracketJob
from lightfuse.errors import PictureError
from lightfuse.fuser import usable_cores
from lightfuse.images import probe_picture

_SAMPLES = 32
_ARENA_MAX, _HEAPS = -8, 2  # malloc.h
_COPIES = 5  # Of a bracket's pictures and its result: as read, turned, aligned, deghosted, and as files in memory.
_SHARE = 0.5  # Of the memory that is free.


def choose_jobs(jobs: Sequence[BracketJob]) -> int:
    """One bracket a core and one more, or fewer where memory would not hold them or there are not so many.

    Reading and writing a picture use one core each, so brackets side by side keep the cores busier than threads within
    one bracket do; the one more has work ready whenever another waits for the disk.
    """
    wanted = min(usable_cores() + 1, len(jobs))
    free, largest = _free_memory(), max(map(_need, _some(jobs)), default=0)
    affordable = int(_SHARE * free / largest) if free is not None and largest else wanted
    return max(1, min(wanted, affordable))


def share_heaps() -> None:
    """Let the C library's threads share two heaps (glibc's M_ARENA_MAX); elsewhere nothing is done.

    By default each thread gets one of its own, and over hundreds of brackets the holes in them add up to more memory
    than the pictures take.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(_ARENA_MAX, _HEAPS)


def _some(jobs: Sequence[BracketJob]) -> Sequence[BracketJob]:
    return jobs[:: max(1, len(jobs) // _SAMPLES)]


def _need(job: BracketJob) -> int:
    """Bytes that fusing a bracket takes, guessed from its first picture; nothing where that cannot be read."""
    try:
        header = probe_picture(job.inputs[0])
    except PictureError:
        return 0
    picture = header.width * header.height * 3 * max(1, header.bit_depth // 8)
    return picture * (len(job.inputs) + 1) * _COPIES


def _free_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system does not say it simply."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return found[0] if found else None
