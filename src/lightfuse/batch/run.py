"""A planned batch carried out: brackets side by side, each told of and recorded as it is done."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lightfuse.batch.capacity import choose_jobs, share_heaps
from lightfuse.batch.coordinator import Coordinator, Outcome
from lightfuse.batch.executors import open_lane
from lightfuse.batch.manifest import Manifest
from lightfuse.batch.plan import BracketJob
from lightfuse.batch.work import BatchSettings
from lightfuse.fuser import usable_cores

_BLINK = 0.1  # Seconds: an interrupt that another thread received is noticed no later.


@dataclass(frozen=True)
class Running:
    """How a batch runs.

    Attributes:
        at_once: brackets under way at a time; None takes what suits the machine, or the cluster.
        threads: that one bracket's fusing uses; None shares the cores out, and takes one on a cluster.
        executor: ``dask://HOST:PORT``, or None for this machine.
        overwrite: replace files that are there.
    """

    at_once: int | None = None
    threads: int | None = None
    executor: str | None = None
    overwrite: bool = False


def run_batch(
    jobs: Sequence[BracketJob],
    settings: BatchSettings,
    manifest: Manifest,
    report: Callable[[Outcome], None],
    running: Running = Running(),
) -> None:
    """Fuse every bracket, some at a time, in whatever order they are done.

    A bracket that fails is recorded and told like one that is done. When this is interrupted, or ``report`` raises, no
    bracket is begun any more, and those under way are finished and recorded before the exception goes on.

    Args:
        jobs: of a plan.
        settings: how each is fused.
        manifest: gets a record a bracket.
        report: called with every outcome, one at a time, on a thread of the batch's own.
        running: where, and how many at a time.

    Raises:
        OutputError: the manifest cannot be written; what was under way is finished.
        LightFuseError: the executor cannot be had.
    """
    if not jobs:
        return
    if running.executor is None:
        share_heaps()
        at_once: int | None = running.at_once or choose_jobs(jobs)
        threads = running.threads or max(1, usable_cores() // (at_once or 1))
    else:
        at_once, threads = running.at_once, running.threads or 1
    with open_lane(running.executor, at_once) as lane:
        manifest.open()
        _wait_for(Coordinator(jobs, settings, threads, manifest, lane, report, overwrite=running.overwrite))


def _wait_for(coordinator: Coordinator) -> None:
    # Not on this thread: an interrupt comes between any two of its steps, and the coordinator's must not be torn apart.
    thread = threading.Thread(target=coordinator.run, name="lightfuse-batch")
    try:
        thread.start()
        while not coordinator.ended.wait(_BLINK):
            pass
    finally:
        coordinator.stop.set()
        if thread.ident is not None:
            thread.join()
    if coordinator.error is not None:
        raise coordinator.error
