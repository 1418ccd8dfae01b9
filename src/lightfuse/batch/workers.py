"""Worker processes that may die: a decoder that crashes on a damaged file ends one bracket, not the batch."""

import ctypes
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from lightfuse.errors import LightFuseError
from lightfuse.images import read_picture
from lightfuse.system import display_name

_M_ARENA_MAX, _ARENAS = -8, 2  # malloc.h
_SECONDS_TO_END = 10.0
_PRELOADED = ["lightfuse.batch.work", "lightfuse.align", "lightfuse.deghost", "lightfuse.core", "numpy", "cv2"]


class WorkerDiedError(LightFuseError):
    """A worker process ended while it worked on a bracket."""


class WorkerPool(Executor):
    """An executor of a fixed number of processes; one that dies is replaced, and its task raises WorkerDiedError.

    A task is a picklable function with the input files as its first argument. Workers ignore interrupts, which are the
    batch's to handle, and end with the process that started them, even if that is killed.
    """

    def __init__(self, workers: int) -> None:
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:
            self._context.set_forkserver_preload(_PRELOADED)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="lightfuse-worker")
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run ``work(inputs, *args)`` in a worker process."""
        return self._threads.submit(self._run, work, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers once their tasks are done."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        while not self._idle.empty():
            self._idle.get_nowait().end()

    def _run(self, work: Callable[..., Any], inputs: Sequence[Path], *args: Any, **kwargs: Any) -> Any:
        try:
            return self._call(work, inputs, *args, **kwargs)
        except WorkerDiedError as death:
            fatal = [path for path in inputs if self._kills_worker(path)]
            if fatal:
                what = f"{' and '.join(map(display_name, fatal))} cannot be read"
                advice = "it is damaged or unsupported; take it away or convert it"
            else:
                what = f"{display_name(inputs[0])} and its bracket could not be fused"
                advice = "run again to try once more, with fewer --jobs if memory was short"
            raise WorkerDiedError(f"{what}: the process that tried {death}; {advice}") from None

    def _call(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            worker = _Worker(self._context)
        is_error, result = worker.call(work, args, kwargs)
        self._idle.put(worker)
        if is_error:
            raise result
        return result

    def _kills_worker(self, path: Path) -> bool:
        """Whether reading this file alone ends a worker."""
        try:
            self._call(_read_only, path)
        except Exception as error:  # Any other error is an answer: the worker has survived it.
            return isinstance(error, WorkerDiedError)
        return False


class _Worker:
    """One process, and the connection over which it gets its tasks."""

    def __init__(self, context: Any) -> None:
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="lightfuse-worker", daemon=True)
        self._process.start()
        theirs.close()

    def call(self, work: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bool, Any]:
        try:
            self._connection.send((work, args, kwargs))
            answer: tuple[bool, Any] = self._connection.recv()
        except (EOFError, OSError):
            self._connection.close()
            self._process.join()
            code = self._process.exitcode
            known = {-number: f"was ended by {number.name}" for number in signal.Signals}
            raise WorkerDiedError(known.get(code, f"ended with exit code {code}")) from None
        return answer

    def end(self) -> None:
        """Ask the process to end, as another may hold the connection open, and end it where it does not."""
        with suppress(OSError):
            self._connection.send(None)
        self._connection.close()
        self._process.join(_SECONDS_TO_END)
        self._process.kill()
        self._process.join()


def _read_only(path: Path) -> None:
    read_picture(path)


def _serve(connection: Connection) -> None:
    """Do tasks until there is none, or the connection is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _limit_malloc_arenas()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while task := connection.recv():
            work, args, kwargs = task
            try:
                answer = False, work(*args, **kwargs)
            except Exception as error:  # Raised again by the process that submitted the task.
                answer = True, error
            connection.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _limit_malloc_arenas() -> None:
    """Let all threads share two malloc arenas (glibc's M_ARENA_MAX); does nothing with other C libraries.

    By default each thread gets its own arena, and over hundreds of brackets their fragmentation takes more memory than
    the pictures do.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(_M_ARENA_MAX, _ARENAS)
