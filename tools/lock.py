"""Write `requirements-dev.lock`: what the tests run with, by version and hash (pip-compile, of pip-tools).

    python -m tools.lock

torch and what only it needs (CUDA's libraries) are left out: the Makefile installs its version, from PyPI or from an
index of builds for the processor alone, whose hashes are others. So is LightFuse itself.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path(__file__).parents[1] / "requirements-dev.lock"
_HEADING = """\
# What the tests run with, by version and hash, for Python 3.11 on Linux (x86-64); torch apart: see the Makefile.
# Made by `make lock` (python -m tools.lock); installed by `make test LOCKED=1`.
"""
_APART = {"torch", "lightfuse"}


def locked(compiled: str) -> str:
    """The lock file, from what pip-compile wrote: without options, what stands apart, and what only that needs."""
    entries = re.split(r"\n(?=[a-z0-9])", "\n" + re.sub(r"(?m)^(#|--).*\n", "", compiled).strip())
    packages = {re.split(r"[= ]", entry)[0]: entry.strip() for entry in entries if entry.strip()}
    wanted_by = {name: _vias(entry) for name, entry in packages.items()}
    dropped = set(_APART)
    while more := {
        name for name, vias in wanted_by.items() if name not in dropped and vias and vias <= dropped - {"lightfuse"}
    }:
        dropped |= more
    return _HEADING + "".join(f"{packages[name]}\n" for name in packages if name not in dropped)


def _vias(entry: str) -> set[str]:
    """The packages that want this one, of pip-compile's comments."""
    comments = entry.partition("# via")[2].replace("#", " ").split()
    return {word for word in comments if not word.startswith("(")}


def main() -> None:
    """Ask pip-compile for the newest versions that fit and write the lock."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "compiled"
        options = ["--quiet", "--generate-hashes", "--strip-extras", "--allow-unsafe", "--extra", "test"]
        command = [sys.executable, "-m", "piptools", "compile", *options, "--output-file", str(out), "pyproject.toml"]
        subprocess.run(command, check=True, cwd=LOCK.parent)
        LOCK.write_text(locked(out.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
