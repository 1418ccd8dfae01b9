"""How many brackets run at a time without being told."""

import pytest
from builders.photographs import write_plain

from lightfuse.batch import BracketJob, capacity


@pytest.fixture
def job(tmp_path):
    for name in ("a.png", "b.png"):
        write_plain(tmp_path / name, size=(1000, 500))
    return BracketJob("x", (tmp_path / "a.png", tmp_path / "b.png"), tmp_path / "out.png")


NEED = 1000 * 500 * 3 * 3 * 5  # Pixels, channels, two exposures and a result, copies.


@pytest.mark.parametrize(
    ("cores", "brackets", "free", "expected"),
    [
        (4, 100, 1 << 40, 5),
        (4, 3, 1 << 40, 3),
        (4, 100, None, 5),
        (16, 100, 7 * NEED, 3),
        (16, 100, NEED, 1),
    ],
)
def test_cores_brackets_and_memory_each_set_a_limit(job, monkeypatch, cores, brackets, free, expected):
    monkeypatch.setattr(capacity, "usable_cores", lambda: cores)
    monkeypatch.setattr(capacity, "_free_memory", lambda: free)
    assert capacity.choose_jobs([job] * brackets) == expected


def test_pictures_that_cannot_be_read_set_none(job, monkeypatch):
    monkeypatch.setattr(capacity, "usable_cores", lambda: 2)
    monkeypatch.setattr(capacity, "_free_memory", lambda: 1000)
    job.inputs[0].write_bytes(b"no picture")
    assert capacity.choose_jobs([job] * 9) == 3


def test_free_memory_is_told_in_bytes():
    free = capacity._free_memory()
    assert free is None or 1e6 < free < 1e15
