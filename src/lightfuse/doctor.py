"""Diagnose an installation: versions, machine, extras, and a self-test against the golden pictures."""

import os
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from lightfuse.errors import LightFuseError
from lightfuse.models import shipped_models
from lightfuse.system import usable_cores

_DEVELOPMENT_EXTRA = "dev"


@dataclass(frozen=True)
class SelfTest:
    """One model on one instruction set, compared with the golden pictures.

    ``deviation`` is the worst difference found divided by the tolerance (above 1: failed), None if nothing could be
    compared; ``failure`` says what went wrong, or is empty.
    """

    model: str
    instruction_set: str
    deviation: float | None
    failure: str


@dataclass(frozen=True)
class Diagnosis:
    """Everything :func:`diagnose` found; texts and numbers only, nothing personal: no paths, no user names.

    ``versions`` are LightFuse's, Python's and those of the packages that LightFuse needs; ``extras`` the packages of
    each extra. A package that is not installed has None for its version.
    """

    versions: Mapping[str, str | None]
    system: Mapping[str, str]
    instruction_sets: tuple[str, ...]
    extras: Mapping[str, Mapping[str, str | None]]
    self_tests: tuple[SelfTest, ...]

    @property
    def ok(self) -> bool:
        """Whether every self-test passed, and there was one."""
        return bool(self.self_tests) and not any(test.failure for test in self.self_tests)


def diagnose() -> Diagnosis:
    """Collect versions, machine and extras, and run the self-test; takes about a second."""
    sets: tuple[str, ...] = ()
    problem = "it supports no instruction set of this processor"
    try:
        from lightfuse import core

        sets = tuple(core.instruction_sets())
    except ImportError as error:
        problem = str(error)
    tests = [_self_test(model, isa) for model in shipped_models() for isa in sets]
    if not sets:
        tests = [SelfTest("every model", "none", None, f"the compiled core cannot be loaded: {problem}")]
    packages: dict[str, dict[str, str | None]] = {}
    for requirement in metadata.requires("lightfuse") or []:
        named = re.match(r"[\w.-]+", requirement)
        extra = re.search(r"""extra\s*==\s*["']([\w.-]+)["']""", requirement)
        if named:
            packages.setdefault(extra[1] if extra else "", {})[named[0]] = _version(named[0])
    packages.pop(_DEVELOPMENT_EXTRA, None)
    versions = {"lightfuse": _version("lightfuse"), "python": platform.python_version()} | packages.pop("", {})
    return Diagnosis(versions, _system(), sets, dict(sorted(packages.items())), tuple(tests))


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _system() -> dict[str, str]:
    processor = platform.processor() or platform.machine()
    with suppress(OSError):  # Where there is such a file, it tells the model.
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        if named := re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", text, re.MULTILINE):
            processor = named[1].strip()
    found = {
        "platform": platform.platform(),
        "processor": processor,
        "cores": f"{os.cpu_count() or 'unknown'}, {usable_cores()} usable",
    }
    with suppress(AttributeError, ValueError, OSError):  # Not every system tells.
        found["memory"] = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"
    return found


def _self_test(model: str, isa: str) -> SelfTest:
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
    return SelfTest(model, isa, worst.of_tolerance, failure)
