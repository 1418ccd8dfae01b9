"""The conductor of a batch, with an executor that is gone while brackets are under way."""

import threading
from concurrent.futures import Executor, Future

import pytest
from builders.photographs import write_brackets

from lightfuse.batch import BatchSettings, Manifest, plan_jobs
from lightfuse.batch.coordinator import Coordinator
from lightfuse.batch.executors import Lane
from lightfuse.brackets.grouping import group_folder
from lightfuse.errors import LightFuseError
from lightfuse.models import load_weights

GONE = LightFuseError("the scheduler is gone")


class Lost(Executor):
    """Takes work and never ends it."""

    def submit(self, *_args, **_words):
        return Future()


@pytest.mark.parametrize("answers", [1, 3])
def test_an_executor_that_is_gone_ends_it_though_what_is_under_way_never_does(tmp_path, answers):
    write_brackets(tmp_path / "in", 2, evs=(-2, 2), size=(64, 48))
    jobs = plan_jobs(group_folder(tmp_path / "in").brackets, tmp_path / "out")
    asked = []

    def slots():
        asked.append(1)
        if len(asked) > answers:
            raise GONE
        return 1

    manifest = Manifest(tmp_path / "out", tmp_path / "in")
    manifest.open()
    settings, told = BatchSettings(load_weights("base")), []
    lane = Lane(Lost(), slots, mortal=True)
    coordinator = Coordinator(jobs, settings, 1, manifest, lane, told.append, overwrite=False)
    threading.Thread(target=coordinator.run, daemon=True).start()
    assert coordinator.ended.wait(30)
    assert coordinator.error is GONE
    assert told == []
