"""Worker processes: how they end."""

import os
import threading

import pytest

from lightfuse.batch.workers import WorkerPool


@pytest.mark.slow
def test_a_pool_ends_though_another_process_holds_a_connection_open():
    """As one that was forked while the pool worked: workers are not told by their connection's end then."""
    pool = WorkerPool(1)
    assert pool.submit(len, "abc").result() == 3
    worker = pool._idle.get()
    held = os.dup(worker._connection.fileno())
    pool._idle.put(worker)
    ending = threading.Thread(target=pool.shutdown)
    ending.start()
    ending.join(60)
    try:
        assert not ending.is_alive()
        assert worker._process.exitcode == 0
    finally:
        os.close(held)
        ending.join()
