"""A planned batch carried out: brackets fused concurrently, each recorded and reported as it is finished."""

import dataclasses
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightfuse.batch.executors import EXECUTOR_POLL, choose_concurrency, open_executor
from lightfuse.batch.manifest import DONE, FAILED, Manifest
from lightfuse.batch.plan import BracketJob, BracketSet
from lightfuse.batch.sets import find_tone
from lightfuse.batch.staging import discard, publish, stage
from lightfuse.batch.work import BatchSettings, JobResult, fuse_job
from lightfuse.errors import LightFuseError
from lightfuse.fuser import Fuser
from lightfuse.system import cannot_write, display_name, usable_cores

_INTERRUPT_POLL = 0.1  # Seconds: an interrupt received by another thread is noticed no later.
_CREATED_MEANWHILE = "it was created after the batch began"


@dataclass(frozen=True)
class Outcome:
    """The outcome of one bracket: the job, the result of its work, and its record in the manifest."""

    job: BracketJob
    result: JobResult
    record: Mapping[str, Any]


def run_batch(
    jobs: Sequence[BracketJob],
    settings: BatchSettings,
    manifest: Manifest,
    report: Callable[[Outcome], None],
    sets: Sequence[BracketSet] = (),
    *,
    max_concurrent: int | None = None,
    threads: int | None = None,
    executor: str | None = None,
    overwrite: bool = False,
) -> None:
    """Fuse every bracket, several at a time, in no particular order.

    A bracket that fails is recorded and reported like one that succeeds. If this is interrupted, or ``report`` raises,
    no further bracket is started, and those in progress are finished and recorded before the exception propagates.

    Args:
        jobs: of a plan.
        settings: how each is fused.
        manifest: gets one record a bracket.
        report: called with every outcome, one at a time, on a thread of the batch.
        sets: brackets that may get one tone; see `candidate_sets`.
        max_concurrent: brackets in progress at a time; None chooses what suits the machine, or the cluster.
        threads: for fusing one bracket; None divides the cores among the brackets, and takes one on a cluster.
        executor: ``dask://HOST:PORT``, or None for this machine.
        overwrite: replace files that exist.

    Raises:
        OutputError: the manifest cannot be written; brackets in progress are finished first.
        LightFuseError: the executor cannot be opened.
    """
    if not jobs:
        return
    if executor is None:
        max_concurrent = max_concurrent or choose_concurrency(jobs, settings.options.encode.bit_depth)
        threads = threads or max(1, usable_cores() // max_concurrent)
    with open_executor(executor, max_concurrent) as (opened, slots):
        manifest.open()
        coordinator = Coordinator(list(jobs), settings, threads or 1, manifest, opened, slots, report, overwrite, sets)
        # On another thread: an interrupt is raised between any two instructions of the main thread.
        thread = threading.Thread(target=coordinator.run, name="lightfuse-batch")
        try:
            thread.start()
            while not coordinator.ended.wait(_INTERRUPT_POLL):
                pass
        finally:
            coordinator.stop.set()
            if thread.ident is not None:
                thread.join()
        if coordinator.error is not None:
            raise coordinator.error


@dataclass(eq=False)
class Coordinator:
    """Submits brackets, waits for them, records and reports them, until there are no more or ``stop`` is set.

    Attributes:
        jobs: those not yet begun; for the others see `run_batch` and `open_executor`.
        ended: set when everything is finished.
        error: the exception that ended the batch, if any.
        stop: once set, no further bracket is started.
    """

    jobs: list[BracketJob]
    settings: BatchSettings
    threads: int
    manifest: Manifest
    executor: Executor
    slots: Callable[[], int]
    report: Callable[[Outcome], None]
    overwrite: bool = False
    sets: Sequence[BracketSet] = ()
    ended: threading.Event = field(default_factory=threading.Event, init=False)
    stop: threading.Event = field(default_factory=threading.Event, init=False)
    error: Exception | None = field(default=None, init=False)
    _in_sets: dict[Path, BatchSettings] = field(default_factory=dict, init=False)
    _in_progress: dict[Future[JobResult], tuple[BracketJob, list[dict[str, Any]], Path]] = field(
        default_factory=dict, init=False
    )

    def run(self) -> None:
        """Run the batch to its end; raises nothing, so that it can be the target of a thread."""
        try:
            self._match_sets()
            self._submit_next()
            while self._in_progress:
                finished, _ = wait(self._in_progress, EXECUTOR_POLL, FIRST_COMPLETED)
                for future in finished:
                    self._finish(*self._in_progress.pop(future), _result_of(future))
                self._submit_next()
        except Exception as error:  # Raised again by the waiting thread.
            self._fail(error)
            with suppress(LightFuseError):  # The executor is gone.
                while wait(self._in_progress, EXECUTOR_POLL).not_done:
                    self.slots()
        finally:
            for _, _, staged in self._in_progress.values():
                discard(staged)
            self.ended.set()

    def _match_sets(self) -> None:
        """Find the tone of every set of which a bracket is to be fused, unless some were made without one."""
        outputs = {job.output for job in self.jobs}
        sets = [one for one in self.sets if not outputs.isdisjoint(job.output for job in one.jobs)]
        if not sets:
            return
        options, digest = self.settings.options, self.settings.digest
        fuser = Fuser(self.settings.weights)
        for candidate in sets if fuser.has_context else ():
            if self.stop.is_set():
                return
            done = [job for job in candidate.jobs if job.output not in outputs]
            if any(self.manifest.is_up_to_date(job.inputs, job.output, {digest}) for job in done):
                continue
            if tone := find_tone(candidate, self.executor, fuser, options, check=self.slots):
                toned = dataclasses.replace(options, tone=tone)
                matched = dataclasses.replace(self.settings, options=toned, digest=candidate.digest(digest))
                self._in_sets |= {job.output: matched for job in candidate.jobs}

    def _settings_of(self, job: BracketJob) -> BatchSettings:
        return self._in_sets.get(job.output, self.settings)

    def _submit_next(self) -> None:
        slots = self.slots()
        while self.jobs and len(self._in_progress) < slots and not self.stop.is_set():
            self._submit(self.jobs.pop(0))

    def _submit(self, job: BracketJob) -> None:
        try:
            inputs = self.manifest.describe(job.inputs)
            job.output.parent.mkdir(parents=True, exist_ok=True)
            taken = [path for path in job.files if os.path.lexists(path)]
            if taken and not self.overwrite:
                raise FileExistsError(0, _CREATED_MEANWHILE, str(taken[0]))
            staged = stage(job.output.absolute())
        except OSError as error:
            name = display_name(os.fsdecode(error.filename or job.inputs[0]))
            self._finish(job, [], None, JobResult(f"{name} cannot be used: {error.strerror}"))
            return
        paths = tuple(path.absolute() for path in job.inputs)
        # A worker that dies may leave files behind; the next worker to run the task must be free to replace them.
        settings = self._settings_of(job)
        future = self.executor.submit(fuse_job, paths, staged, settings, self.threads, overwrite=True)
        self._in_progress[future] = job, inputs, staged

    def _finish(self, job: BracketJob, inputs: list[dict[str, Any]], staged: Path | None, result: JobResult) -> None:
        """Record a result, move it to its final place, and report it; if it cannot be moved, the bracket has failed."""
        result = dataclasses.replace(result, notes=(*job.notes, *result.notes))
        try:
            if staged is not None and result.error is None:
                record = self._add(job, inputs, result, staged)
                try:
                    publish(staged, job.files, overwrite=self.overwrite)
                except FileExistsError:
                    result = JobResult(f"{display_name(job.output)} cannot be used: {_CREATED_MEANWHILE}")
                except OSError as error:
                    result = JobResult(str(cannot_write(job.output, error)))
            if result.error is not None:
                told = result.error.replace(f"{staged.parent.name}{os.sep}", "") if staged else result.error
                result = dataclasses.replace(result, error=told)
                record = self._add(job, inputs, result, None)
        finally:
            if staged is not None:
                discard(staged)
        try:
            self.report(Outcome(job, result, record))
        except Exception as error:  # Brackets in progress are still to be recorded.
            self._fail(error)

    def _add(
        self, job: BracketJob, inputs: list[dict[str, Any]], result: JobResult, staged: Path | None
    ) -> Mapping[str, Any]:
        settings = self._settings_of(job)
        record = {
            "scene": job.scene,
            "status": FAILED if result.error else DONE,
            "inputs": inputs,
            "options": settings.digest,
            "set": settings is not self.settings,
            **dataclasses.asdict(result),
        }
        return self.manifest.add(record, job.output, job.extra_outputs, staged=staged)

    def _fail(self, error: Exception) -> None:
        self.error = self.error or error
        self.stop.set()


def _result_of(future: Future[JobResult]) -> JobResult:
    """The result of a task; a bracket that killed its worker, or was lost by the cluster, has failed."""
    try:
        return future.result()
    except LightFuseError as error:
        return JobResult(str(error))
    except CancelledError:
        return JobResult("the cluster has lost it; run again to try once more")
    except Exception as error:
        return JobResult(f"the cluster has failed at it ({type(error).__name__}: {error})")
