"""Where brackets are fused: in worker processes here or on a dask cluster, and how many at a time."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from lightfuse.batch.plan import BracketJob
from lightfuse.batch.workers import WorkerPool
from lightfuse.errors import LightFuseError, PictureError, missing_extra
from lightfuse.images import probe_picture
from lightfuse.images.options import BitDepth
from lightfuse.system import usable_cores

_DASK_SCHEME = "dask://"
_CONNECT_TIMEOUT = "15s"
_TASKS_PER_THREAD = 2  # One being fused, and one ready when that is done.

_BRACKETS_PROBED = 32
_COPIES = 5  # Of a bracket's pictures and its result: as read, turned, aligned, deghosted, and as encoded files.
_MEMORY_FRACTION = 0.5  # Of the memory that is available.


@dataclass(frozen=True)
class BatchExecutor:
    """An executor for brackets.

    Attributes:
        executor: runs the work of one bracket a task.
        slots: returns how many tasks may be submitted and unfinished at this moment; raises LightFuseError once the
            executor is gone.
    """

    executor: Executor
    slots: Callable[[], int]


@contextmanager
def open_executor(address: str | None, max_concurrent: int | None) -> Iterator[BatchExecutor]:
    """Open a dask cluster at an address ``dask://HOST:PORT``, or worker processes here if there is none.

    On either, a task may be run again after its worker died half-way, and leave files behind.

    Args:
        address: of a dask scheduler, or None.
        max_concurrent: the number of slots; None takes two for each thread of the cluster, or one here.

    Raises:
        MissingExtraError: dask is asked for and not installed.
        LightFuseError: the address is malformed, or no scheduler answers there.
    """
    if address is None:
        workers = max_concurrent or 1
        with WorkerPool(workers) as pool:
            yield BatchExecutor(pool, lambda: workers)
        return
    host, colon, port = address.removeprefix(_DASK_SCHEME).rpartition(":")
    if not address.startswith(_DASK_SCHEME) or not host or not colon or not port.isdecimal():
        raise LightFuseError(f"{address!r} is not an executor; give dask://HOST:PORT, or none for this machine's cores")
    with missing_extra("fusing on a dask cluster", "dask", "distributed", "dask"):
        distributed = import_module("distributed")
    try:
        client = distributed.Client(f"tcp://{host}:{port}", timeout=_CONNECT_TIMEOUT, set_as_default=False)
    except (OSError, ValueError):
        raise LightFuseError(f"no dask scheduler answers at {host}:{port}; check the address, or start one") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # A lost scheduler is reported once, by us.
    with client:
        executor = client.get_executor(pure=False)
        yield BatchExecutor(executor, lambda: _dask_slots(client, max_concurrent))


def _dask_slots(client: Any, max_concurrent: int | None) -> int:
    try:
        threads = sum(client.nthreads().values())
    except Exception:  # A scheduler that is gone raises nearly any exception.
        raise LightFuseError("the dask scheduler is gone; run it again to go on") from None
    return max_concurrent or _TASKS_PER_THREAD * max(1, threads)


def choose_concurrency(jobs: Sequence[BracketJob], bit_depth: BitDepth = "auto") -> int:
    """One bracket a core and one more, or fewer where memory does not suffice or there are fewer brackets.

    Reading and writing a picture use one core each, so concurrent brackets keep the cores busier than threads within
    one bracket do; the one more has work ready while another waits for the disk.
    """
    wanted = min(usable_cores() + 1, len(jobs))
    available, largest = _available_memory(), 0  # Bytes needed to fuse a bracket, estimated from its first picture.
    for job in jobs[:: max(1, len(jobs) // _BRACKETS_PROBED)]:
        with suppress(PictureError):
            header = probe_picture(job.inputs[0])
            bits = max(header.bit_depth, 8 if bit_depth in ("auto", 8) else 16)
            picture = header.width * header.height * 3 * (bits // 8)
            largest = max(largest, picture * (len(job.inputs) + 1) * _COPIES)
    affordable = int(_MEMORY_FRACTION * available / largest) if available is not None and largest else wanted
    return max(1, min(wanted, affordable))


def _available_memory() -> int | None:
    """Bytes available without swapping; None where ``/proc/meminfo`` does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    return found[0] if found else None
