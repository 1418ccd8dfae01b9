"""The conductor of a batch: keeps every slot busy, and loses nothing that was begun."""

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightfuse.batch.executors import Lane
from lightfuse.batch.manifest import DONE, FAILED, Manifest
from lightfuse.batch.plan import BracketJob
from lightfuse.batch.work import BatchSettings, Fused, fuse_job
from lightfuse.errors import LightFuseError
from lightfuse.system import display_name

_LOOK = 1.0  # Seconds: futures of a cluster that is gone may never end, so it is asked after this often.


@dataclass(frozen=True)
class Outcome:
    """What became of one bracket: the job, what its work gave, and its record in the manifest."""

    job: BracketJob
    fused: Fused
    record: Mapping[str, Any]


class Coordinator:
    """Submits brackets, waits, records, tells, until there are no more or ``stop`` is set.

    Attributes:
        ended: is set once all is over.
        error: the exception that ended it, if one did.
        stop: set it, and no bracket is begun any more.
    """

    def __init__(
        self,
        jobs: Iterable[BracketJob],
        settings: BatchSettings,
        threads: int,
        manifest: Manifest,
        lane: Lane,
        report: Callable[[Outcome], None],
        *,
        overwrite: bool,
    ) -> None:
        self.ended = threading.Event()
        self.stop = threading.Event()
        self._jobs, self._settings, self._threads = iter(jobs), settings, threads
        self._manifest, self._lane, self._report, self._overwrite = manifest, lane, report, overwrite
        self.error: Exception | None = None
        self._under_way: dict[Future[Fused], tuple[BracketJob, list[dict[str, Any]]]] = {}
        self._folders: set[Path] = set()

    def run(self) -> None:
        """Do it all; raises nothing, so that it can be a thread."""
        try:
            self._fill()
            while self._under_way:
                finished, _ = wait(self._under_way, _LOOK, FIRST_COMPLETED)
                for future in finished:
                    self._finish(*self._under_way.pop(future), _result(future))
                self._fill()
        except Exception as error:  # Handed to the thread that waits, which raises it.
            self._fail(error)
            self._wait_out()
        finally:
            if self._lane.mortal:
                _sweep(self._folders)
            self.ended.set()

    def _wait_out(self) -> None:
        """Wait for what is under way, unless nobody is left to tell of it."""
        while wait(self._under_way, _LOOK).not_done:
            try:
                self._lane.slots()
            except LightFuseError:
                return

    def _fill(self) -> None:
        slots = self._lane.slots()
        while len(self._under_way) < slots and not self.stop.is_set():
            job = next(self._jobs, None)
            if job is None:
                return
            self._submit(job)

    def _submit(self, job: BracketJob) -> None:
        try:
            inputs = self._manifest.describe(job.inputs)
            job.output.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(job.output.parent)
            taken = [path for path in job.files if os.path.lexists(path)]
            if taken and not self._overwrite:
                raise FileExistsError(0, "it has come to exist since the batch began", str(taken[0]))
        except OSError as error:
            name = display_name(os.fsdecode(error.filename or job.inputs[0]))
            self._finish(job, [], Fused(f"{name} cannot be used: {error.strerror}", 0.0))
            return
        # A worker that dies may leave its result; the next to take the task must be free to write it again.
        overwrite = self._overwrite or self._lane.mortal
        paths = tuple(path.absolute() for path in job.inputs)
        future = self._lane.executor.submit(
            fuse_job, paths, job.output.absolute(), self._settings, self._threads, overwrite=overwrite
        )
        self._under_way[future] = job, inputs

    def _finish(self, job: BracketJob, inputs: list[dict[str, Any]], fused: Fused) -> None:
        record = {
            "scene": job.scene,
            "status": FAILED if fused.error else DONE,
            "error": fused.error,
            "inputs": inputs,
            "seconds": round(fused.seconds, 3),
            "megapixels": round(fused.megapixels, 3),
            "notes": list(fused.notes),
            "options": self._settings.digest,
        }
        outcome = Outcome(job, fused, self._manifest.add(record, job.output, job.beside))
        try:
            self._report(outcome)
        except Exception as error:  # What is under way is still to be recorded.
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        self.error = self.error or error
        self.stop.set()


def _result(future: Future[Fused]) -> Fused:
    """What the work gave; a worker that took its death from this bracket, or lost it, is this bracket's failure."""
    try:
        return future.result()
    except CancelledError:
        return Fused("the cluster has lost it; run again to try once more", 0.0)
    except Exception as error:
        return Fused(f"the cluster has failed at it ({type(error).__name__}: {error})", 0.0)


def _sweep(folders: Iterable[Path]) -> None:
    """Remove the temporary files of workers that were killed while they wrote."""
    for folder in folders:
        for part in folder.glob(".lightfuse-*.part"):
            part.unlink(missing_ok=True)
