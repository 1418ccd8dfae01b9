"""Brackets side by side: how many, what a failure costs, what an interrupt leaves."""

import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from lightfuse.batch import MANIFEST_NAME, BatchSettings, BracketJob, Manifest, Running, coordinator, run, run_batch
from lightfuse.batch.executors import Lane
from lightfuse.batch.work import Fused
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

    def __call__(self, inputs, output, settings, threads, *, overwrite):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.01)
        if output.stem not in self.failing:
            output.write_bytes(b"fused")
        with self.lock:
            self.now -= 1
        return Fused("bad picture" if output.stem in self.failing else None, 0.01, 2.0)


@pytest.fixture
def work(monkeypatch):
    work = Work()
    monkeypatch.setattr(coordinator, "fuse_job", work)
    return work


def records(tmp_path):
    lines = (tmp_path / "out" / MANIFEST_NAME).read_text().splitlines()
    return {record["scene"]: record for record in map(json.loads, lines)}


@pytest.mark.parametrize("at_once", [1, 3])
def test_every_bracket_comes_once_and_no_more_are_under_way_than_allowed(jobs, manifest, settings, work, at_once):
    outcomes = []
    run_batch(jobs, settings, manifest, outcomes.append, Running(at_once))
    assert sorted(outcome.job.scene for outcome in outcomes) == sorted(job.scene for job in jobs)
    assert work.most == at_once


def test_a_failure_costs_one_bracket(tmp_path, jobs, manifest, settings, work):
    work.failing = {"3"}
    outcomes = []
    run_batch(jobs, settings, manifest, outcomes.append)
    assert [outcome.job.scene for outcome in outcomes if outcome.fused.error] == ["3"]
    kept = records(tmp_path)
    assert (kept["3"]["status"], kept["3"]["error"]) == ("failed", "bad picture")
    assert {scene for scene, record in kept.items() if record["status"] == "done"} == {
        job.scene for job in jobs if job.scene != "3"
    }
    assert kept["4"]["output_size"] == 5


def test_an_exposure_that_went_costs_one_bracket(jobs, manifest, settings, work):
    jobs[5].inputs[0].unlink()
    outcomes = []
    run_batch(jobs, settings, manifest, outcomes.append)
    (error,) = [outcome.fused.error for outcome in outcomes if outcome.fused.error]
    assert error == f"{jobs[5].inputs[0]} cannot be used: No such file or directory"
    assert len(outcomes) == JOBS


def test_a_file_that_appears_meanwhile_is_kept(jobs, manifest, settings, work):
    jobs[-1].output.parent.mkdir()
    jobs[-1].output.write_text("dear to someone")
    outcomes = []
    run_batch(jobs, settings, manifest, outcomes.append)
    (error,) = [outcome.fused.error for outcome in outcomes if outcome.fused.error]
    assert "has come to exist" in error
    assert jobs[-1].output.read_text() == "dear to someone"


class EnoughError(BaseException):
    """As an interrupt: no Exception."""


def test_an_interrupt_finishes_and_records_what_is_under_way_and_begins_nothing(
    tmp_path, jobs, manifest, settings, work
):
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
            run_batch(jobs, settings, manifest, interrupt, Running(2))
    finally:
        signal.signal(signal.SIGTERM, before)
    made = {path.stem for path in (tmp_path / "out").glob("*.jpg")}
    assert 1 <= len(made) < JOBS
    assert records(tmp_path).keys() == set(told) == made
    assert work.now == 0
    assert "lightfuse-batch" not in {thread.name for thread in threading.enumerate()}


def test_a_report_that_fails_ends_it_and_what_is_under_way_is_recorded(tmp_path, jobs, manifest, settings, work):
    def fail(_outcome):
        raise OutputError("standard output cannot be written")

    with pytest.raises(OutputError, match="standard output cannot be written"):
        run_batch(jobs, settings, manifest, fail, Running(3))
    made = {path.stem for path in (tmp_path / "out").glob("*.jpg")}
    assert 1 <= len(made) < JOBS
    assert records(tmp_path).keys() == made


def test_a_full_disk_ends_it_with_a_sentence(tmp_path, jobs, manifest, settings, work, monkeypatch):
    add, added = manifest.add, []

    def fill_up(record, output, beside):
        added.append(output)
        if len(added) == 4:
            raise OutputError("the manifest cannot be written: No space left on device")
        return add(record, output)

    monkeypatch.setattr(manifest, "add", fill_up)
    outcomes = []
    with pytest.raises(OutputError, match="No space left"):
        run_batch(jobs, settings, manifest, outcomes.append, Running(1))
    assert [outcome.job.scene for outcome in outcomes] == ["0", "1", "2"]
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 4


def test_where_workers_may_die_a_task_may_run_twice_and_debris_goes(
    tmp_path, jobs, manifest, settings, work, monkeypatch
):
    """A worker that was killed may leave its result or half of it, and the next does the task again."""

    def half_done(inputs, output, settings, threads, *, overwrite):
        assert overwrite
        (output.parent / ".lightfuse-0123.part").write_bytes(b"half")
        return Fused(None, 0.0) if output.write_bytes(b"fused") else None

    @contextmanager
    def mortal(_address, _at_once):
        with ThreadPoolExecutor(1) as pool:
            yield Lane(pool, lambda: 1, mortal=True)

    monkeypatch.setattr(coordinator, "fuse_job", half_done)
    monkeypatch.setattr(run, "open_lane", mortal)
    run_batch(jobs[:2], settings, manifest, lambda _: None, Running(executor="dask://host:1"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"0.jpg", "1.jpg", MANIFEST_NAME}
    jobs[2].output.write_text("dear to someone")
    run_batch(jobs[2:3], settings, manifest, lambda _: None, Running(executor="dask://host:1"))
    assert jobs[2].output.read_text() == "dear to someone"


def test_a_fault_nobody_thought_of_costs_one_bracket(jobs, manifest, settings, monkeypatch):
    def stumble(inputs, *_, **__):
        if "3" in inputs[0].name:
            raise KeyError("what")
        raise MemoryError

    monkeypatch.setattr("lightfuse.batch.work.fuse_files", stumble)
    outcomes = {}
    run_batch(jobs[3:5], settings, manifest, lambda outcome: outcomes.setdefault(outcome.job.scene, outcome))
    assert (
        outcomes["3"].fused.error == f"the bracket of {jobs[3].inputs[0]} met a fault in LightFuse (KeyError: 'what')"
    )
    assert "not enough memory" in outcomes["4"].fused.error


def test_nothing_to_do_writes_nothing(tmp_path, manifest, settings):
    run_batch([], settings, manifest, lambda _: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["dask://", "dask://host", "tcp://host:1", "dask://host:x", "spark://host:1"])
def test_an_address_that_is_none_is_refused_before_anything_is_written(tmp_path, jobs, manifest, settings, address):
    with pytest.raises(LightFuseError, match="is no executor; give dask://HOST:PORT"):
        run_batch(jobs, settings, manifest, lambda _: None, Running(executor=address))
    assert not (tmp_path / "out").exists()
