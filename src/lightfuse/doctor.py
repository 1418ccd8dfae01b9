"""Diagnose an installation: versions, machine, extras, and a self-test against the golden pictures."""

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lightfuse.errors import LightFuseError
from lightfuse.models import shipped_models
from lightfuse.system import usable_cores

_PACKAGES = ("numpy", "imagecodecs", "tifffile", "opencv-python-headless", "safetensors", "typer", "rich")
_DEVELOPMENT_EXTRA = "dev"


@dataclass(frozen=True)
class Extra:
    """An extra: its name, its packages with their versions (None: not installed), the command that installs it."""

    name: str
    packages: Mapping[str, str | None]
    get: str

    @property
    def found(self) -> bool:
        """Whether all its packages are installed."""
        return None not in self.packages.values()


@dataclass(frozen=True)
class SelfTest:
    """One model on one instruction set, compared with the golden pictures.

    ``deviation`` is the worst difference found divided by the tolerance (above 1: failed), None if nothing could be
    compared; ``failure`` says what went wrong, or is empty; ``arithmetic`` says what 8-bit pictures are fused in.
    """

    model: str
    instruction_set: str
    deviation: float | None
    failure: str
    arithmetic: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """Everything :func:`diagnose` found; texts and numbers only, nothing personal: no paths, no user names."""

    versions: Mapping[str, str]
    system: Mapping[str, str]
    instruction_sets: tuple[str, ...]
    threads: int
    extras: tuple[Extra, ...]
    self_tests: tuple[SelfTest, ...]

    @property
    def ok(self) -> bool:
        """Whether every self-test passed, and there was one."""
        return bool(self.self_tests) and not any(test.failure for test in self.self_tests)


def diagnose() -> Diagnosis:
    """Collect versions, machine and extras, and run the self-test; takes about a second."""
    versions = {"lightfuse": _version("lightfuse"), "python": platform.python_version()}
    versions |= {package: _version(package) for package in _PACKAGES}
    sets: tuple[str, ...] = ()
    problem = "it supports no instruction set of this processor"
    try:
        from lightfuse import core

        sets = tuple(core.instruction_sets())
    except ImportError as error:
        problem = str(error)
    if sets:
        tests = [_self_test(model, isa) for model in shipped_models() for isa in sets]
    else:
        tests = [SelfTest("every model", "none", None, f"the compiled core cannot be loaded: {problem}")]
    return Diagnosis(
        versions={name: version or "missing" for name, version in versions.items()},
        system=_system(),
        instruction_sets=sets,
        threads=usable_cores(),
        extras=_extras(),
        self_tests=tuple(tests),
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _system() -> dict[str, str]:
    import numpy as np

    simd = np.show_config(mode="dicts").get("SIMD Extensions", {})  # as numpy found them: a portable list
    found = {
        "platform": platform.platform(),
        "interpreter": f"{platform.python_implementation()}, {'64' if sys.maxsize > 2**32 else '32'} bits",
        "processor": _processor() or platform.machine(),
        "features": ", ".join([*simd.get("baseline", []), *simd.get("found", [])]) or "unknown",
        "cores": f"{os.cpu_count() or 'unknown'}",
    }
    with suppress(AttributeError, ValueError, OSError):  # Not every system tells.
        found["memory"] = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"
    return found


def _processor() -> str:
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor()
    named = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", text, re.MULTILINE)
    return named[1].strip() if named else ""


def _extras() -> tuple[Extra, ...]:
    """The extras that the package metadata lists, and which of their packages are installed."""
    packages: dict[str, dict[str, str | None]] = {}
    for requirement in importlib.metadata.requires("lightfuse") or []:
        named = re.match(r"([\w.-]+)", requirement)
        extra = re.search(r"""extra\s*==\s*["']([\w.-]+)["']""", requirement)
        if named and extra and extra[1] != _DEVELOPMENT_EXTRA:
            packages.setdefault(extra[1], {})[named[1]] = _version(named[1])
    return tuple(Extra(name, found, f"pip install 'lightfuse[{name}]'") for name, found in sorted(packages.items()))


def _self_test(model: str, isa: str) -> SelfTest:
    import numpy as np

    from lightfuse.fuser import Fuser
    from lightfuse.golden import check, digest, load_golden

    try:
        golden, fuser = load_golden(), Fuser(model, isa=isa)
        if golden.weights.get(model) != digest(fuser.weights):
            problem = "its weights are not those that the golden results were made with"
            return SelfTest(model, isa, None, problem)
        compared = check("core", model, fuser, golden)
    except (LightFuseError, MemoryError) as error:
        return SelfTest(model, isa, None, str(error) or "there is not enough memory")
    worst = max(compared, key=lambda comparison: comparison.of_tolerance)
    off = f"the result of {worst.case} in {worst.dtype} is off by {worst.worst:.4g}, more than the {worst.allowed:g}"
    failure = "" if all(comparison.passed for comparison in compared) else f"{off} allowed"
    arithmetic = "16-bit fixed point" if fuser.in_integers(np.uint8) else "float32"
    return SelfTest(model, isa, worst.of_tolerance, failure, arithmetic)
