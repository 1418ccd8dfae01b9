"""The process in which one method is measured: ``python -m lightfuse.benchmarking.worker METHOD PICTURES THREADS``."""

import json
import statistics
import sys
import time
from pathlib import Path

from lightfuse.benchmarking.memory import peak_bytes
from lightfuse.benchmarking.methods import Run, available_methods
from lightfuse.errors import LightFuseError
from lightfuse.models import shipped_models

# As many calls as fit into the time, within these bounds: enough for a median, no half hour of Mertens.
_MOST_RUNS, _MOST_SECONDS = 15, 5.0


def main() -> None:
    """Measure one method, and print a JSON record of what was found."""
    key, folder, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    methods = (method for model in shipped_models() for method in available_methods([model]))
    method = next(method for method in methods if method.key == key)
    run = method.prepare(folder, threads)
    first = _timed(run)
    seconds = [_timed(run)]
    while len(seconds) < _MOST_RUNS and first + sum(seconds) < _MOST_SECONDS:
        seconds.append(_timed(run))
    print(
        json.dumps(
            {
                "first_seconds": first,
                "seconds": statistics.median(seconds),
                "runs": len(seconds),
                "peak_bytes": peak_bytes(of_children=method.program),
            }
        )
    )


def _timed(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    try:
        main()
    except LightFuseError as error:
        raise SystemExit(str(error)) from None
    except MemoryError:
        raise SystemExit("there is not enough memory for pictures of this size") from None
