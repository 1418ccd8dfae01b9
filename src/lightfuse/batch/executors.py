"""Where brackets are fused: on threads of this process, or on a dask cluster."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from lightfuse.errors import LightFuseError, MissingExtraError

_SCHEME = "dask://"
_PATIENCE = "15s"
_AHEAD = 2  # Tasks a worker's thread: one it does and one it finds when that is done.


@dataclass(frozen=True)
class Lane:
    """An executor, how many brackets may be under way on it at this moment, and whether its workers may die.

    ``slots`` raises LightFuseError once the executor is gone.
    """

    executor: Executor
    slots: Callable[[], int]
    mortal: bool


@contextmanager
def open_lane(address: str | None, at_once: int | None) -> Iterator[Lane]:
    """Open the executor of an address, ``dask://HOST:PORT``, or threads here if there is none.

    ``at_once`` is the number of slots; None takes two a thread of the cluster, or one here.

    Threads are enough: decoding, fusing and encoding all release the interpreter's lock.

    Raises:
        MissingExtraError: dask is asked for and not installed.
        LightFuseError: the address is none, or nobody answers there.
    """
    if address is None:
        here = at_once or 1
        with ThreadPoolExecutor(here, thread_name_prefix="lightfuse-bracket") as pool:
            yield Lane(pool, lambda: here, mortal=False)
        return
    host, colon, port = address.removeprefix(_SCHEME).rpartition(":")
    if not address.startswith(_SCHEME) or not host or not colon or not port.isdecimal():
        raise LightFuseError(f"{address!r} is no executor; give dask://HOST:PORT, or none for this machine's cores")
    try:
        distributed = import_module("distributed")
    except ModuleNotFoundError as error:
        if error.name not in ("distributed", "dask"):
            raise
        raise MissingExtraError("fusing on a dask cluster", "dask") from None
    try:
        client = distributed.Client(f"tcp://{host}:{port}", timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError):
        raise LightFuseError(f"no dask scheduler answers at {host}:{port}; check the address, or start one") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # A lost scheduler gets one sentence, not two.
    with client:
        executor = client.get_executor(pure=False)
        yield Lane(executor, lambda: _slots_of(client, at_once), mortal=True)


def _slots_of(client: Any, at_once: int | None) -> int:
    threads = _threads_of(client)
    return at_once or _AHEAD * max(1, threads)


def _threads_of(client: Any) -> int:
    """Threads of all workers there are at this moment."""
    try:
        return sum(client.nthreads().values())
    except Exception:  # A scheduler that went shows as nearly any exception there is.
        raise LightFuseError("the dask scheduler is gone; run it again to go on") from None
