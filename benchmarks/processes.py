"""Whole processes, timed from outside: what a person waits for, and the most memory it took."""

import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# A bare interpreter starts the command, because Linux counts what the starter held as memory of what it started.
_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
null = os.open(os.devnull, os.O_WRONLY)
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
_, status, usage = os.wait4(pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Cost:
    """What one run of a program cost: seconds from start to end, seconds of processor time, peak resident bytes."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run(command: Sequence[str]) -> Cost:
    """Run a command once; its output is thrown away, and its failure is a CalledProcessError."""
    words = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command]
    printed = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return Cost(seconds=float(printed[0]), cpu_seconds=float(printed[2]), peak_bytes=int(printed[1]))


def alternate(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, Cost]:
    """The median cost of each command, all taking turns after one warm-up each: drift moves both sides of a ratio."""
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            cost = run(command)
            if turn:
                found[name].append(cost)
    return {
        name: Cost(
            statistics.median(cost.seconds for cost in costs),
            statistics.median(cost.cpu_seconds for cost in costs),
            max(cost.peak_bytes for cost in costs),
        )
        for name, costs in found.items()
    }
