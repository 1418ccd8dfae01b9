"""An exported C project, built by some compiler and run by some machine, as a target of the golden set."""

import shutil
import subprocess

import numpy as np
import pytest

from lightfuse.export.c import export_c

STRICT = ("-std=c11", "-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wshadow", "-Werror", "-ffp-contract=off")


def installed(emulator):
    """The path of a program that runs others, by name or, for QEMU, by the name of its static build; skips without."""
    path = shutil.which(emulator) or shutil.which(f"{emulator}-static")
    return path or pytest.skip(f"{emulator} is not installed")


def write_project(folder, weights, export=export_c):
    """The export's files in a folder."""
    for name, content in export(weights).items():
        (folder / name).write_bytes(content)
    return folder


def build(compiler, folder, source="main.c", level="-O1"):
    """Compile one file of a project, without a warning, and return the program's path."""
    program = folder / f"{source}.out"
    made = subprocess.run(
        [*compiler, *STRICT, level, "-o", program, source, "-lm"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert made.stderr == ""
    return program


def fuse_with(program, machine=()):
    """What the golden set calls: the example program run on two PPM files, over first."""
    folder = program.parent

    def fuse(under, over):
        write_ppm(folder / "under.ppm", under)
        write_ppm(folder / "over.ppm", over)
        names = ["over.ppm", "under.ppm", "fused.ppm"]
        ran = subprocess.run([*machine, str(program), *names], cwd=folder, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, "")
        return read_ppm(folder / "fused.ppm")

    return fuse


def write_ppm(path, picture):
    top = np.iinfo(picture.dtype).max
    header = f"P6\n{picture.shape[1]} {picture.shape[0]}\n{top}\n".encode()
    path.write_bytes(header + picture.astype(">u2" if top > 255 else "u1").tobytes())


def read_ppm(path):
    _, size, top, pixels = path.read_bytes().split(b"\n", 3)
    width, height = map(int, size.split())
    stored, kept = ("u1", np.uint8) if top == b"255" else (">u2", np.uint16)
    return np.frombuffer(pixels, stored).reshape(height, width, 3).astype(kept)
