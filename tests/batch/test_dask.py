"""A batch on a dask cluster: two workers in processes of their own, one of which is killed half-way."""

import json
import os
import signal

import pytest
from builders.photographs import boxes, exposed, write_brackets, write_shot

from lightfuse.batch.manifest import MANIFEST_NAME, Manifest
from lightfuse.batch.plan import plan_jobs
from lightfuse.batch.run import run_batch
from lightfuse.batch.work import BatchSettings
from lightfuse.brackets.grouping import group_folder
from lightfuse.errors import LightFuseError
from lightfuse.models import load_weights
from lightfuse.options import FuseOptions

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")
# What dask leaves open or does in an old way is not LightFuse's to mend.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.network]

BRACKETS = 24
PLAIN = FuseOptions(align="off", deghost="off")


@pytest.fixture
def cluster():
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


@pytest.fixture
def batch(tmp_path):
    """Jobs, settings and manifest of a folder of brackets."""
    write_brackets(tmp_path / "in", BRACKETS, evs=(-2, 2), size=(900, 600))
    jobs = plan_jobs(group_folder(tmp_path / "in").brackets, tmp_path / "out")
    return jobs, BatchSettings(load_weights("base"), options=PLAIN), Manifest(tmp_path / "out", tmp_path / "in")


def test_every_bracket_arrives_once_though_a_worker_is_killed(cluster, batch, tmp_path):
    jobs, settings, manifest = batch
    first, second = (worker.pid for worker in cluster.workers.values())
    assert os.getpid() not in (first, second)
    arrived = []

    def kill_one_half_way(outcome):
        arrived.append(outcome)
        if len(arrived) == BRACKETS // 4:
            os.kill(first, signal.SIGKILL)

    address = cluster.scheduler_address.replace("tcp://", "dask://")
    run_batch(jobs, settings, manifest, kill_one_half_way, executor=address)
    assert [outcome.result.error for outcome in arrived] == [None] * BRACKETS
    assert sorted(outcome.job.output for outcome in arrived) == sorted(job.output for job in jobs)
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {job.output.name for job in jobs} | {manifest.path.name}
    records = [json.loads(line) for line in manifest.path.read_text().splitlines()]
    assert sorted(record["output"] for record in records) == sorted(job.output.name for job in jobs)

    run_batch(jobs[:1], settings, manifest, arrived.append, overwrite=True)
    here, there = arrived[-1].record, next(r for r in records if r["output"] == jobs[0].output.name)
    assert here["files"][0]["size"] == there["files"][0]["size"]


def test_a_panorama_of_relative_paths_is_recognised(cluster, tmp_path, monkeypatch, lightfuse_program):
    """The cluster's workers run in another folder."""
    scene = boxes(640, 200, rise=5)
    for number in range(3):
        for step, ev in enumerate((0, -2, 2)):
            tile = exposed(scene[:, 160 * number : 160 * number + 320], ev)
            path = tmp_path / "tiles" / f"IMG_{number}{step}.png"
            write_shot(path, ev, 8 * number + 0.5 * step, mode=2, bias=ev, pixels=tile)
    monkeypatch.chdir(tmp_path)
    address = cluster.scheduler_address.replace("tcp", "dask")
    assert lightfuse_program("batch", "tiles", "-o", "out", "--format", "png", "--executor", address).code == 0
    records = [json.loads(line) for line in (tmp_path / "out" / MANIFEST_NAME).read_text().splitlines()]
    assert [record["set"] for record in records] == [True] * 3


def test_a_scheduler_that_goes_ends_it_with_a_sentence(cluster, batch, monkeypatch):
    monkeypatch.setattr("lightfuse.batch.executors._CONNECT_TIMEOUT", "2s")  # Also how long a lost one is hoped for.
    jobs, settings, manifest = batch
    arrived = []

    def close_down(outcome):
        arrived.append(outcome)
        if len(arrived) == 1:
            cluster.close()

    with pytest.raises(LightFuseError, match="the dask scheduler is gone; run it again to go on"):
        run_batch(jobs, settings, manifest, close_down, executor=cluster.scheduler_address.replace("tcp", "dask"))
    assert len(arrived) < BRACKETS


def test_nobody_there_is_told(batch, monkeypatch):
    monkeypatch.setattr("lightfuse.batch.executors._CONNECT_TIMEOUT", "0.3s")
    with pytest.raises(LightFuseError, match=r"no dask scheduler answers at 127\.0\.0\.1:9; check the address"):
        run_batch(*batch, lambda _: None, executor="dask://127.0.0.1:9")


def test_without_the_extra_it_says_how_to_get_it(batch, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(LightFuseError, match=r"dask cluster needs an extra: pip install 'lightfuse\[dask\]'"):
        run_batch(*batch, lambda _: None, executor="dask://127.0.0.1:9")
