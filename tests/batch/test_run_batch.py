"""Running a batch: concurrency, failures, interrupts, executors that are lost."""

import json
import os
import signal
import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import pytest
from builders.photographs import write_brackets

from lightfuse.batch import run
from lightfuse.batch.manifest import MANIFEST_NAME, Manifest
from lightfuse.batch.plan import BracketJob, plan_jobs
from lightfuse.batch.run import Coordinator, run_batch
from lightfuse.batch.sets import candidate_sets
from lightfuse.batch.work import BatchSettings, JobResult
from lightfuse.brackets.grouping import group_folder
from lightfuse.errors import LightFuseError, OutputError
from lightfuse.models import load_weights

JOBS = 12


@pytest.fixture
def settings():
    return BatchSettings(load_weights("base"))


@pytest.fixture
def jobs(tmp_path):
    made = []
    for i in range(JOBS):
        files = tmp_path / f"{i}a.jpg", tmp_path / f"{i}b.jpg"
        for file in files:
            file.write_bytes(b"picture")
        made.append(BracketJob(str(i), files, tmp_path / "out" / f"{i}.jpg"))
    return made


@pytest.fixture
def manifest(tmp_path):
    return Manifest(tmp_path / "out", tmp_path)


class Work:
    """In place of fusing: writes the output, counts how many do so at a time, and fails where told to."""

    def __init__(self):
        self.now, self.most, self.failing, self.lock = 0, 0, set(), threading.Lock()
        self.together = 1  # No work ends before so many have been under way at a time, or ten seconds.

    def __call__(self, inputs, output, settings, threads, *, overwrite):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        patience = 1000
        while self.most < self.together and patience:
            patience -= 1
            time.sleep(0.01)
        time.sleep(0.01)
        if output.stem not in self.failing:
            output.write_bytes(b"fused")
        with self.lock:
            self.now -= 1
        return JobResult("bad picture" if output.stem in self.failing else None, 0.01, 2.0)


@pytest.fixture
def threads(monkeypatch):
    """Work that is not picklable runs on threads."""
    monkeypatch.setattr("lightfuse.batch.executors.WorkerPool", ThreadPoolExecutor)


@pytest.fixture
def work(monkeypatch, threads):
    work = Work()
    monkeypatch.setattr(run, "fuse_job", work)
    return work


def records(tmp_path):
    lines = (tmp_path / "out" / MANIFEST_NAME).read_text().splitlines()
    return {record["scene"]: record for record in map(json.loads, lines)}


@pytest.mark.parametrize("at_once", [1, 3])
def test_every_bracket_is_fused_once_within_the_concurrency_limit(jobs, manifest, settings, work, at_once):
    outcomes, work.together = [], at_once
    run_batch(jobs, settings, manifest, outcomes.append, max_concurrent=at_once)
    assert sorted(outcome.job.scene for outcome in outcomes) == sorted(job.scene for job in jobs)
    assert work.most == at_once


def test_a_failure_affects_one_bracket(tmp_path, jobs, manifest, settings, work):
    work.failing = {"3"}
    outcomes = []
    run_batch(jobs, settings, manifest, outcomes.append)
    assert [outcome.job.scene for outcome in outcomes if outcome.result.error] == ["3"]
    kept = records(tmp_path)
    assert (kept["3"]["status"], kept["3"]["error"]) == ("failed", "bad picture")
    assert {scene for scene, record in kept.items() if record["status"] == "done"} == {
        job.scene for job in jobs if job.scene != "3"
    }
    assert [file["size"] for file in kept["4"]["files"]] == [5]


def test_a_missing_exposure_affects_one_bracket(jobs, manifest, settings, work):
    jobs[5].inputs[0].unlink()
    outcomes = []
    run_batch(jobs, settings, manifest, outcomes.append)
    (error,) = [outcome.result.error for outcome in outcomes if outcome.result.error]
    assert error == f"{jobs[5].inputs[0]} cannot be used: No such file or directory"
    assert len(outcomes) == JOBS


def test_a_file_created_meanwhile_is_kept(jobs, manifest, settings, work):
    jobs[-1].output.parent.mkdir()
    jobs[-1].output.write_text("dear to someone")
    outcomes = []
    run_batch(jobs, settings, manifest, outcomes.append)
    (error,) = [outcome.result.error for outcome in outcomes if outcome.result.error]
    assert "was created after the batch began" in error
    assert jobs[-1].output.read_text() == "dear to someone"


class EnoughError(BaseException):
    """As an interrupt: no Exception."""


def test_an_interrupt_finishes_and_records_brackets_in_progress_only(tmp_path, jobs, manifest, settings, work):
    told, noticed = [], threading.Event()

    def interrupt(outcome):
        told.append(outcome.job.scene)
        if len(told) == 1:
            signal.raise_signal(signal.SIGTERM)
            noticed.wait(60)

    def handler(*_):
        noticed.set()
        raise EnoughError

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(EnoughError):
            run_batch(jobs, settings, manifest, interrupt, max_concurrent=2)
    finally:
        signal.signal(signal.SIGTERM, before)
    made = {path.stem for path in (tmp_path / "out").glob("*.jpg")}
    assert 1 <= len(made) < JOBS
    assert records(tmp_path).keys() == set(told) == made
    assert work.now == 0
    assert "lightfuse-batch" not in {thread.name for thread in threading.enumerate()}


def test_a_failing_report_ends_the_batch_and_brackets_in_progress_are_recorded(
    tmp_path, jobs, manifest, settings, work
):
    def fail(_outcome):
        raise OutputError("standard output cannot be written")

    with pytest.raises(OutputError, match="standard output cannot be written"):
        run_batch(jobs, settings, manifest, fail, max_concurrent=3)
    made = {path.stem for path in (tmp_path / "out").glob("*.jpg")}
    assert 1 <= len(made) < JOBS
    assert records(tmp_path).keys() == made


def test_a_full_disk_ends_the_batch_with_a_message(tmp_path, jobs, manifest, settings, work, monkeypatch):
    add, added = manifest.add, []

    def fill_up(record, output, extra_outputs, **more):
        added.append(output)
        if len(added) == 4:
            raise OutputError("the manifest cannot be written: No space left on device")
        return add(record, output, extra_outputs, **more)

    monkeypatch.setattr(manifest, "add", fill_up)
    outcomes = []
    with pytest.raises(OutputError, match="No space left"):
        run_batch(jobs, settings, manifest, outcomes.append, max_concurrent=1)
    assert [outcome.job.scene for outcome in outcomes] == ["0", "1", "2"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.jpg", "1.jpg", "2.jpg", MANIFEST_NAME]


def leave_files(inputs, output, settings, threads, *, overwrite):
    """As a worker that was killed once: the result is there already, and half of another."""
    assert overwrite
    (output.parent / ".lightfuse-0123.part").write_bytes(b"half")
    output.write_bytes(b"fused")
    return JobResult(None, 0.0)


def test_a_task_may_run_twice_and_temporary_files_are_removed(tmp_path, jobs, manifest, settings, threads, monkeypatch):
    monkeypatch.setattr(run, "fuse_job", leave_files)
    run_batch(jobs[:2], settings, manifest, lambda _: None)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"0.jpg", "1.jpg", MANIFEST_NAME}
    jobs[2].output.write_text("dear to someone")
    run_batch(jobs[2:3], settings, manifest, lambda _: None)
    assert jobs[2].output.read_text() == "dear to someone"


def crash_on_three(inputs, output, settings, threads, *, overwrite):
    """As a decoder that ends its process."""
    if inputs[0].name.startswith("3"):
        os.kill(os.getpid(), signal.SIGKILL)
    output.write_bytes(b"fused")
    return JobResult(None, 0.0)


@pytest.mark.slow
def test_a_worker_that_dies_affects_one_bracket_and_is_named(tmp_path, jobs, manifest, settings, monkeypatch):
    monkeypatch.setattr(run, "fuse_job", crash_on_three)
    outcomes = []
    run_batch(jobs, settings, manifest, outcomes.append, max_concurrent=2)
    (error,) = [outcome.result.error for outcome in outcomes if outcome.result.error]
    assert str(jobs[3].inputs[0]) in error
    assert "the process that tried was ended" in error
    assert len(list((tmp_path / "out").glob("*.jpg"))) == JOBS - 1
    assert sorted(record["status"] for record in records(tmp_path).values()) == ["done"] * (JOBS - 1) + ["failed"]


def test_an_unforeseen_error_affects_one_bracket(jobs, manifest, settings, monkeypatch, threads):
    def stumble(inputs, *_, **__):
        if "3" in inputs[0].name:
            raise KeyError("what")
        raise MemoryError

    monkeypatch.setattr("lightfuse.batch.work.fuse_files", stumble)
    outcomes = {}
    run_batch(jobs[3:5], settings, manifest, lambda outcome: outcomes.setdefault(outcome.job.scene, outcome))
    assert (
        outcomes["3"].result.error == f"{jobs[3].inputs[0]} could not be fused: a fault in LightFuse (KeyError: 'what')"
    )
    assert "not enough memory" in outcomes["4"].result.error


def test_an_empty_batch_writes_nothing(tmp_path, manifest, settings):
    run_batch([], settings, manifest, lambda _: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["dask://", "dask://host", "tcp://host:1", "dask://host:x", "spark://host:1"])
def test_a_malformed_executor_address_is_refused_before_anything_is_written(
    tmp_path, jobs, manifest, settings, address
):
    with pytest.raises(LightFuseError, match="is not an executor; give dask://HOST:PORT"):
        run_batch(jobs, settings, manifest, lambda _: None, executor=address)
    assert not (tmp_path / "out").exists()


# ---- A lost executor -------------------------------------------------------------------------------------------------

GONE = LightFuseError("the scheduler is gone")


class LostExecutor(Executor):
    """Accepts tasks and never finishes them."""

    def submit(self, *_args, **_words):
        return Future()


@pytest.mark.parametrize(("answers", "match"), [(1, False), (3, False), (1, True)])
def test_a_lost_executor_ends_the_batch_though_its_tasks_never_finish(tmp_path, monkeypatch, answers, match):
    monkeypatch.setattr("lightfuse.batch.run.EXECUTOR_POLL", 0.05)
    monkeypatch.setattr("lightfuse.batch.sets.EXECUTOR_POLL", 0.05)
    write_brackets(tmp_path / "in", 2, evs=(-2, 2), size=(64, 48))
    brackets = group_folder(tmp_path / "in").brackets
    jobs = plan_jobs(brackets, tmp_path / "out")
    sets, asked = candidate_sets(brackets, jobs, match), []

    def slots():
        asked.append(1)
        if len(asked) > answers:
            raise GONE
        return 1

    manifest = Manifest(tmp_path / "out", tmp_path / "in")
    manifest.open()
    settings, told = BatchSettings(load_weights("base")), []
    coordinator = Coordinator(jobs, settings, 1, manifest, LostExecutor(), slots, told.append, sets=sets)
    threading.Thread(target=coordinator.run, daemon=True).start()
    assert coordinator.ended.wait(30)
    assert coordinator.error is GONE
    assert told == []
