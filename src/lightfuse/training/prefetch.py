"""Drawing the next batch in the background while the present one trains."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Batch = TypeVar("Batch")


def prefetched(draw: Callable[[int], Batch], steps: range) -> Iterator[tuple[int, Batch]]:
    """Each step with its batch, drawn one step ahead by one thread; the batches are those `draw` gives, in order."""
    with ThreadPoolExecutor(1, "draw") as thread:
        ahead = deque(thread.submit(draw, step) for step in steps[:1])
        for done, step in enumerate(steps, start=1):
            batch = ahead.popleft().result()
            ahead.extend(thread.submit(draw, following) for following in steps[done : done + 1])
            yield step, batch
