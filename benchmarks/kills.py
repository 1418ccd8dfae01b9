"""Kills of ``lightfuse batch`` at random moments, each followed by the same command, which must finish unaided.

python benchmarks/kills.py [--kills 100] [--brackets 6] [--seed 0] [-- more options of lightfuse batch]

For each kill: a batch is started in a new folder and killed with SIGKILL after a random time, or as its first result
appears; the same command must then end with exit code 0, every result must be there, no hidden file may be left, and no
result that stood in its place before the second run may have been written again.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from lightfuse.images import write_picture
from tools.synthetic import sample_bracket


def one_kill(source: Path, out: Path, more: list[str], brackets: int, moment: float | None) -> tuple[int, list[str]]:
    """Kill one batch after ``moment`` seconds (None: as a result appears) and run it again.

    Returns:
        How many results stood before the second run, and what was wrong after it.
    """
    command = [sys.executable, "-m", "lightfuse", "batch", str(source), "-o", str(out), "--count", "2", *more]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as batch:
        start = time.monotonic()
        while batch.poll() is None:
            if (time.monotonic() - start > moment) if moment is not None else any(out.glob("*_fused.jpg")):
                break
            time.sleep(0.002)
        batch.send_signal(signal.SIGKILL)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.jpg")} if out.is_dir() else {}
    rerun = subprocess.run(command, capture_output=True, text=True, check=False)
    wrong = [] if rerun.returncode == 0 else [f"exit code {rerun.returncode}: {rerun.stderr.strip()}"]
    made = sorted(path.name for path in out.glob("*_fused.jpg"))
    if len(made) != brackets:
        wrong.append(f"{len(made)} results of {brackets}")
    wrong += [f"left behind: {path.name}" for path in out.glob(".*")]
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("*.jpg")}
    wrong += [f"written twice: {name}" for name, when in before.items() if after.get(name) != when]
    return sum(name.endswith("_fused.jpg") for name in before), wrong


def main() -> None:
    """Kill, run again, and report."""
    parser = argparse.ArgumentParser(description="Kills of lightfuse batch, each followed by a rerun.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--brackets", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("more", nargs="*", help="options of lightfuse batch, behind --")
    asked = parser.parse_args()
    chance, faults, stood = random.Random(asked.seed), list[str](), Counter[int]()
    pictures = sample_bracket(1200, 800, (-2, 2)).pictures
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in"
        source.mkdir()
        for number in range(2 * asked.brackets):
            write_picture(source / f"{number:03d}.jpg", pictures[number % 2])
        start = time.monotonic()
        subprocess.run(
            [
                sys.executable,
                "-m",
                "lightfuse",
                "batch",
                source,
                "-o",
                Path(folder) / "all",
                "--count",
                "2",
                *asked.more,
            ],
            check=True,
        )
        whole = time.monotonic() - start
        for number in range(asked.kills):
            moment = None if number % 3 == 0 else chance.uniform(0, whole)
            results, wrong = one_kill(source, Path(folder) / f"out{number}", asked.more, asked.brackets, moment)
            stood[results] += 1
            faults += [f"kill {number}: {fault}" for fault in wrong]
    print(f"{asked.kills} kills; results in place when killed: {dict(sorted(stood.items()))}; {len(faults)} faults")
    print(*faults, sep="\n")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
