"""Commands under faults: at each of their writes the disk is full, or refuses; they are killed; the clock jumps.

    python -m tools.faults.run fuse batch export train [--error ENOSPC] [--clock]
    python -m tools.faults.run batch train --kills 100 [--seed 1]

For each write of a command, in a new folder: the disk fails from that write on. The command must then end with a
sentence and no traceback, and leave its inputs as they were; and the same command must, once the disk is well, finish
with the same files as an undisturbed run and leave no temporary file behind. Kills (SIGKILL, of all its processes) come
at random moments and at random writes; what stood in its final place then must not be written again, either.
"""

import argparse
import contextlib
import errno
import hashlib
import importlib
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

_STATE, _FOLDER, _CLOCK = "LIGHTFUSE_FAULT_STATE", "LIGHTFUSE_FAULT_FOLDER", "LIGHTFUSE_FAULT_CLOCK"
_SOURCE = Path(__file__).with_name("faults.c")
# What holds times, and so differs from run to run without any fault.
_TIMED = ("lightfuse-manifest.jsonl", ".lightfuse-batch.lock")
_USED = (
    "lightfuse.cli.app",
    "lightfuse.pipeline",
    "lightfuse.align",
    "lightfuse.deghost",
    "lightfuse.export.c",
    "lightfuse.training.loop",
    "torch._dynamo",
    "torch.utils.tensorboard",
)
COMMANDS = {
    "fuse": "fuse in/a1.png in/a2.png -o out/a.png --compare --hdr out/gainmap.jpg --overwrite",
    "batch": "batch in -o out --count 2 --jobs 1",
    "export": "export small --format c -o out --overwrite",
    "train": "train data -o out steps=4 batch=1 patch=32 threads=1 validate_every=2 log_every=1 warmup=1 --resume",
}
"""Each command, as it is given in a folder with `in` (two brackets) and `data` (a prepared data set)."""


def build(folder: Path) -> Path:
    """Compile the library into a folder; raises OSError or CalledProcessError where there is no compiler."""
    library = folder / "faults.so"
    compiler = os.environ.get("CC") or (sysconfig.get_config_var("CC") or "cc").split()[0]
    flags = ["-shared", "-fPIC", "-O1", "-Wall"]
    subprocess.run([compiler, *flags, "-o", str(library), str(_SOURCE), "-ldl"], check=True)
    return library


def environment(library: Path, folder: Path, state: Path, *, clock: bool = False) -> dict[str, str]:
    """The environment of a process whose writes below `folder` may be made to fail."""
    state.write_bytes(bytes(24))
    added = {"LD_PRELOAD": str(library), _STATE: str(state), _FOLDER: str(folder)} | ({_CLOCK: "1"} if clock else {})
    return os.environ | added | {"OMP_NUM_THREADS": "1"}


def make_inputs(folder: Path) -> None:
    """Write what the commands read: `in`, and `data`, prepared from it."""
    from lightfuse.images import write_picture
    from lightfuse.training.prepare import PrepareSettings, prepare
    from tools.synthetic import sample_bracket

    (folder / "in").mkdir(parents=True)
    for scene, seed in (("a", 0), ("b", 1)):
        pictures = sample_bracket(72, 48, (-2, 2)).pictures
        for number, pixels in enumerate(pictures, 1):
            write_picture(folder / "in" / f"{scene}{number}.png", np.roll(pixels, 10 * seed, axis=1))
    for scene in ("a", "b", "c"):
        (folder / "scenes" / scene).mkdir(parents=True)
        for number, pixels in enumerate(sample_bracket(72, 48, (-2, 0, 2)).pictures):
            write_picture(folder / "scenes" / scene / f"{number}.png", pixels)
        write_picture(folder / "scenes" / scene / "reference.png", pixels)
    prepare(folder / "scenes", folder / "data", PrepareSettings(0, 32, 32, 0.4))


class Trials:
    """Runs of one command in forks of this process, which has the library before libc and everything imported."""

    def __init__(self, command: str, work: Path, error: int) -> None:
        """Take the command's name, a folder with its inputs, and the error that writes get."""
        self._command, self._work, self._error = COMMANDS[command].split(), work, error
        self.faults: list[str] = []
        self.writes = 0
        self.standing: Counter[int] = Counter()

    def kills(self, count: int, seed: int) -> None:
        """Kill the command so often, at a random moment and at a random write in turn."""
        draw = random.Random(seed)
        began = time.monotonic()
        expected = self._undisturbed()
        whole, writes = time.monotonic() - began, _read_state()[0]
        for number in range(count):
            write, moment = (draw.randint(1, writes), None) if number % 2 else (0, draw.uniform(0, whole))
            with self._fresh() as folder:
                self._run(folder, write, -signal.SIGKILL, moment)
                before = {path: path.stat().st_mtime_ns for path in folder.glob("out/*_fused.jpg")}
                self.standing[len(before) + (folder / "out" / "checkpoint.pt").exists()] += 1
                wrong = self._rerun(folder, expected)
                wrong += [f"{path.name} was made twice" for path in before if path.stat().st_mtime_ns != before[path]]
            self._note(f"kill {number + 1} ({f'write {write}' if write else f'{moment:.2f} s'})", wrong)

    def all_writes(self, step: int = 1) -> None:
        """Fail at every `step`-th write in turn."""
        expected = self._undisturbed()
        number = 1
        while self._trial(number, expected):
            number += step
            self.writes += 1

    def _undisturbed(self) -> dict[str, str]:
        with self._fresh() as folder:
            code, said = self._run(folder, 0)
            if code != 0:
                raise RuntimeError(f"{' '.join(self._command)} fails without a fault: {said}")
            return _contents(folder)

    def _trial(self, number: int, expected: dict[str, str]) -> bool:
        """One command whose `number`-th write fails; False if it does not write so often."""
        with self._fresh() as folder:
            inputs = _contents(folder)
            code, said = self._run(folder, number)
            if code == 0 and _read_state()[0] < number:
                return False
            wrong = []
            lines = [line for line in said.splitlines() if line.strip()]
            if "Traceback" in said or len(lines) > 12 or (code not in (0, 1, 2)):
                wrong.append(f"ended with {code}: {said.strip()[-2000:]}")
            if code == 0 and _differences(_contents(folder), expected):
                wrong.append("ended with 0 with other files than it should have written")
            after = _contents(folder)
            wrong += [f"{name} was changed" for name in inputs if after.get(name) != inputs[name]]
            wrong += self._rerun(folder, expected)
        self._note(f"write {number}", wrong)
        return True

    def _note(self, trial: str, wrong: list[str]) -> None:
        """Keep what was wrong in a trial; said at once, since a run of many takes hours."""
        self.faults += [f"{trial}: {what}" for what in wrong]
        print(f"{trial}, {len(self.faults)} faults so far", *wrong, sep="\n", file=sys.stderr, flush=True)

    def _rerun(self, folder: Path, expected: dict[str, str]) -> list[str]:
        """Run the command once more, undisturbed; returns what is wrong then."""
        code, said = self._run(folder, 0)
        wrong = [f"the rerun ended with {code}: {said.strip()[-2000:]}"] if code != 0 else []
        return wrong + [f"after the rerun: {name}" for name in _differences(_contents(folder), expected)]

    @contextlib.contextmanager
    def _fresh(self) -> Iterator[Path]:
        Path(os.environ[_STATE]).write_bytes(bytes(24))  # This process has the library, too.
        folder = Path(os.environ[_FOLDER]) / "here"
        shutil.copytree(self._work, folder)
        (folder / "out").mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def _run(
        self, folder: Path, first_to_fail: int, error: int | None = None, moment: float | None = None
    ) -> tuple[int, str]:
        """Run the command in a fork, to be killed after `moment` seconds; returns its exit code and what it said."""
        fault = struct.pack("<qqq", 0, first_to_fail, self._error if error is None else error)
        Path(os.environ[_STATE]).write_bytes(fault)
        with tempfile.TemporaryFile() as said:
            pid = os.fork()
            if pid == 0:
                os.setpgid(0, 0)
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                os.chdir(folder)
                _run_program(self._command)
            if moment is not None:
                time.sleep(moment)
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            said.seek(0)
            return code, said.read().decode(errors="replace")


def _run_program(arguments: list[str]) -> None:
    """The program in this process, which ends with it."""
    from lightfuse.cli.app import main

    sys.argv = ["lightfuse", *arguments]
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    code = 70
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _read_state() -> tuple[int, int, int]:
    writes, first, error = struct.unpack("<qqq", Path(os.environ[_STATE]).read_bytes())
    return writes, first, error


def _contents(folder: Path) -> dict[str, str]:
    """Digests of the files below a folder, by name; of those that differ from run to run, that they are there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and "tensorboard" not in path.parts:
            found[name] = "there" if path.name in _TIMED else _digest(path)
    return found


def _digest(path: Path) -> str:
    """Of a file's bytes; of a checkpoint's values, whose bytes depend on how they lie in memory."""
    if path.suffix != ".pt":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    import torch

    try:
        saved = torch.load(path, weights_only=True)
    except Exception as error:
        return f"unreadable ({type(error).__name__})"
    return hashlib.sha256(repr(_plain(saved)).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Tensors, in dictionaries and lists of any depth, as lists of numbers."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    names = sorted(found.keys() | expected.keys())
    return [
        f"{name} is {'missing' if name not in found else 'left behind' if name not in expected else 'different'}"
        for name in names
        if found.get(name) != expected.get(name)
    ]


def main() -> None:
    """Build the library, start again under it, and try every write of the commands named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="+", choices=sorted(COMMANDS))
    parser.add_argument("--error", default="ENOSPC", help="such as ENOSPC, EACCES, EIO")
    parser.add_argument("--step", type=int, default=1, help="try every n-th write only")
    parser.add_argument("--kills", type=int, default=0, help="kill so often instead")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of kills")
    parser.add_argument("--clock", action="store_true", help="have the clock jump, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place).resolve()
        if _STATE not in os.environ:
            (folder / "disk").mkdir()
            make_inputs(folder / "disk" / "work")
            env = environment(build(folder), folder / "disk", folder / "state", clock=options.clock)
            sys.exit(subprocess.run([sys.executable, "-m", "tools.faults.run", *sys.argv[1:]], env=env).returncode)
        for module in _USED:  # Once, not in every fork.
            importlib.import_module(module)
        work = Path(os.environ[_FOLDER]) / "work"
        failed = False
        for command in options.commands:
            trials = Trials(command, work, getattr(errno, options.error))
            if options.kills:
                trials.kills(options.kills, options.seed)
                standing = ", ".join(f"{count} with {many} results" for many, count in sorted(trials.standing.items()))
                done = f"{options.kills} kills ({standing})"
            else:
                trials.all_writes(options.step)
                done = f"{options.error} at {trials.writes} writes"
            print(f"{command}: {done}, {len(trials.faults)} faults", flush=True)
            print(*trials.faults, sep="\n", flush=True)
            failed |= bool(trials.faults)
        sys.exit(failed)


if __name__ == "__main__":
    main()
