"""Executors of a batch: how many brackets at a time, and how worker processes end."""

import os
import time

import imagecodecs
import numpy as np
import pytest
from builders.dng import dng_bytes
from builders.photographs import write_plain

from lightfuse.batch import executors
from lightfuse.batch.plan import BracketJob


@pytest.fixture
def job(tmp_path):
    for name in ("a.png", "b.png"):
        write_plain(tmp_path / name, size=(1000, 500))
    return BracketJob("x", (tmp_path / "a.png", tmp_path / "b.png"), tmp_path / "out.png")


BRACKET_BYTES = 1000 * 500 * 3 * 3 * 5  # Pixels, channels, two exposures and a result, copies.


@pytest.mark.parametrize(
    ("cores", "brackets", "available", "expected"),
    [
        (4, 100, 1 << 40, 5),
        (4, 3, 1 << 40, 3),
        (4, 100, None, 5),
        (16, 100, 7 * BRACKET_BYTES, 3),
        (16, 100, BRACKET_BYTES, 1),
    ],
)
def test_concurrency_is_limited_by_cores_brackets_and_memory(job, monkeypatch, cores, brackets, available, expected):
    monkeypatch.setattr(executors, "usable_cores", lambda: cores)
    monkeypatch.setattr(executors, "_available_memory", lambda: available)
    assert executors.choose_concurrency([job] * brackets) == expected


def test_memory_for_raw_files_is_estimated_from_their_size(tmp_path, monkeypatch):
    path = tmp_path / "a.dng"
    path.write_bytes(dng_bytes(np.full((200, 300), 0.5)))
    job = BracketJob("x", (path, path), tmp_path / "out.tif")
    monkeypatch.setattr(executors, "usable_cores", lambda: 16)
    monkeypatch.setattr(executors, "_available_memory", lambda: 8 * 200 * 300 * 2 * 3 * 3 * 5)
    assert 1 <= executors.choose_concurrency([job] * 100) <= 4


def test_ten_bits_take_two_bytes(tmp_path, monkeypatch):
    path = tmp_path / "a.avif"
    path.write_bytes(imagecodecs.avif_encode(np.full((200, 300, 3), 500, np.uint16), bitspersample=10))
    job = BracketJob("x", (path, path), tmp_path / "out.tif")
    monkeypatch.setattr(executors, "usable_cores", lambda: 16)
    monkeypatch.setattr(executors, "_available_memory", lambda: 8 * 200 * 300 * 2 * 3 * 3 * 5)
    assert executors.choose_concurrency([job] * 100) == 4


def test_unreadable_pictures_do_not_limit_concurrency(job, monkeypatch):
    monkeypatch.setattr(executors, "usable_cores", lambda: 2)
    monkeypatch.setattr(executors, "_available_memory", lambda: 1000)
    job.inputs[0].write_bytes(b"no picture")
    assert executors.choose_concurrency([job] * 9) == 3


def test_available_memory_is_in_bytes():
    available = executors._available_memory()
    assert available is None or 1e6 < available < 1e15


@pytest.mark.slow
def test_a_pool_ends_its_processes():
    with executors.WorkerPool(1) as pool:
        process = pool.submit(process_of, "abc").result()
    ended = time.monotonic() + 60
    while os.path.exists(f"/proc/{process}") and time.monotonic() < ended:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{process}")


def process_of(_):
    return os.getpid()
