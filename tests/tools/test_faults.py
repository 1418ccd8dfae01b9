"""Commands on a disk that is full or closed from their n-th write on, under a clock that jumps, and killed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's"),
    pytest.mark.skipif(not shutil.which("cc") and not shutil.which("gcc"), reason="needs a C compiler"),
]


@pytest.mark.parametrize(
    "arguments",
    [
        ["fuse", "--error", "ENOSPC"],
        ["fuse", "--error", "EACCES", "--step", "3"],
        ["batch", "--error", "ENOSPC", "--step", "5"],
        ["batch", "--error", "EACCES", "--step", "9", "--clock"],
        ["export", "--error", "EIO", "--step", "9"],
        ["train", "--error", "ENOSPC", "--step", "19", "--clock"],
        ["batch", "train", "--kills", "2"],
    ],
    ids=" ".join,
)
def test_a_command_ends_in_a_sentence_and_is_finished_by_the_same_command(arguments):
    program = [sys.executable, "-m", "tools.faults.run", *arguments]
    ended = subprocess.run(program, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ", 0 faults" in ended.stdout
