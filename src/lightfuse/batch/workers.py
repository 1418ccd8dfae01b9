"""Worker processes that may die: a decoder that crashes on a damaged file ends one bracket, not the batch."""

import ctypes
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from lightfuse.errors import LightFuseError
from lightfuse.images import read_picture
from lightfuse.system import display_name

_M_ARENA_MAX, _ARENAS = -8, 2  # malloc.h
_PRELOADED = ["lightfuse.batch.work", "lightfuse.align", "lightfuse.deghost", "lightfuse.core", "numpy", "cv2"]


class WorkerPool(Executor):
    """An executor of a fixed number of processes; one that dies is replaced, and its task raises LightFuseError.

    A task is a picklable function with the input files as its first argument. Workers ignore interrupts, which are the
    batch's to handle, and end with the process that started them, even if that is killed.
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
            return self._call(work, inputs, *args, **kwargs)
        except BrokenProcessPool:
            fatal = [path for path in inputs if self._kills_worker(path)]
            if fatal:
                what = f"{' and '.join(map(display_name, fatal))} cannot be read"
                advice = "it is damaged or unsupported; take it away or convert it"
            else:
                what = f"{display_name(inputs[0])} and its bracket could not be fused"
                advice = "run again to try once more, with fewer --jobs if memory was short"
            raise LightFuseError(f"{what}: the process that tried was ended; {advice}") from None

    def _call(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            worker = ProcessPoolExecutor(1, self._context, _prepare)
        try:
            return worker.submit(work, *args, **kwargs).result()
        except BrokenProcessPool:
            worker.shutdown()
            worker = ProcessPoolExecutor(1, self._context, _prepare)  # Its process is started by its first task.
            raise
        finally:
            self._idle.put(worker)

    def _kills_worker(self, path: Path) -> bool:
        """Whether reading this file alone ends a worker."""
        try:
            self._call(_read_only, path)
        except Exception as error:  # Any other error is an answer: the worker has survived it.
            return isinstance(error, BrokenProcessPool)
        return False


def _read_only(path: Path) -> None:
    read_picture(path)


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
