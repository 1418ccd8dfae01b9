"""Worker processes: how they end."""

import os
import time

import pytest

from lightfuse.batch.workers import WorkerPool


@pytest.mark.slow
def test_a_pool_ends_its_processes():
    with WorkerPool(1) as pool:
        process = pool.submit(process_of, "abc").result()
    ended = time.monotonic() + 60
    while os.path.exists(f"/proc/{process}") and time.monotonic() < ended:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{process}")


def process_of(_):
    return os.getpid()
