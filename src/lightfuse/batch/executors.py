"""Where brackets are fused: in worker processes here or on a dask cluster, and how many at a time."""

import ctypes
import logging
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from lightfuse.batch.plan import BracketJob
from lightfuse.errors import LightFuseError, PictureError, missing_extra
from lightfuse.images import probe_picture
from lightfuse.images.options import BitDepth
from lightfuse.system import display_name, usable_cores

EXECUTOR_POLL = 1.0  # Seconds: futures of a cluster that is gone may never end, so it is polled this often.
_DASK_SCHEME = "dask://"
_CONNECT_TIMEOUT = "15s"
_TASKS_PER_THREAD = 2  # One being fused, and one ready when that is done.

_BRACKETS_PROBED = 32
_COPIES = 5  # Of a bracket's pictures and its result: as read, turned, aligned, deghosted, and as encoded files.
_MEMORY_FRACTION = 0.5  # Of the memory that is available.

_M_ARENA_MAX, _ARENAS = -8, 2  # malloc.h
_PRELOADED = [__name__, "lightfuse.batch.work", "lightfuse.align", "lightfuse.deghost", "lightfuse.core", "cv2"]


@contextmanager
def open_executor(address: str | None, max_concurrent: int | None) -> Iterator[tuple[Executor, Callable[[], int]]]:
    """Open a dask cluster at an address ``dask://HOST:PORT``, or worker processes here if there is none.

    Gives an executor that runs the work of one bracket a task, and a function that returns how many tasks may be
    submitted and unfinished at this moment, and raises LightFuseError once the executor is gone.

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
            yield pool, lambda: workers
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
        yield client.get_executor(pure=False), lambda: _dask_slots(client, max_concurrent)


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
        with suppress(PictureError, OSError):
            header = probe_picture(job.inputs[0])
            bits = max(header.bit_depth, 8 if bit_depth in ("auto", 8) else 16)
            # Of RAW files no size is known; they hold a byte a pixel at least, but for the most lossy ones.
            pixels = header.width * header.height or job.inputs[0].stat().st_size
            picture = pixels * 3 * -(-bits // 8)
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


# ---- Worker processes ------------------------------------------------------------------------------------------------


class WorkerPool(Executor):
    """An executor of a fixed number of processes; one that dies is replaced, and its task raises LightFuseError.

    A decoder that crashes on a damaged file so ends one bracket, not the batch. A task is a picklable function with the
    input files as its first argument. Workers ignore interrupts, which are the batch's to handle, and end with the
    process that started them, even if that is killed.
    """

    def __init__(self, workers: int) -> None:
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:
            self._context.set_forkserver_preload(_PRELOADED)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="lightfuse-worker")
        self._idle: queue.SimpleQueue[ProcessPoolExecutor] = queue.SimpleQueue()  # Of one process each.

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``work(inputs, *args)`` in a worker process."""
        return self._threads.submit(self._run, work, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers once their tasks are done."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        while not self._idle.empty():
            self._idle.get_nowait().shutdown()

    def _run(self, work: Callable[..., Any], inputs: Sequence[Path], *args: Any, **kwargs: Any) -> Any:
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            worker = ProcessPoolExecutor(1, self._context, _prepare)
        try:
            return worker.submit(work, inputs, *args, **kwargs).result()
        except BrokenProcessPool:
            worker.shutdown()
            worker = ProcessPoolExecutor(1, self._context, _prepare)  # Its process is started by its first task.
            raise LightFuseError(
                f"{display_name(inputs[0])} and its bracket could not be fused: the process that tried was ended; "
                "one of the files may be damaged, or memory too short, which fewer --jobs help"
            ) from None
        finally:
            self._idle.put(worker)


def _prepare() -> None:
    """Prepare a worker process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError, AttributeError, TypeError):  # Only glibc has it.
        # Each thread would get an arena of its own, whose fragmentation takes more memory than the pictures do.
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
