"""C: complete, free of warnings, and on every processor at hand the same pictures as Python."""

import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders.c_project import build, fuse_with, installed, write_project
from builders.weights import framed, make_weights

from lightfuse import Fuser
from lightfuse.export.c import amalgamate, amalgamated_core, export_c
from lightfuse.golden import check, load_golden
from lightfuse.models import Weights, load_weights, shipped_models
from tools.synthetic import sample_pair

needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
ZIG = (sys.executable, "-m", "ziglang", "cc")
WASI = ("node", "--no-warnings", str(Path(__file__).with_name("run_wasi.mjs")))
TARGETS = {
    "aarch64": (("-target", "aarch64-linux-musl"), ("qemu-aarch64",)),
    "armv8.1": (("-target", "aarch64-linux-musl", "-mcpu=cortex_a76"), ("qemu-aarch64",)),
    "armv7": (("-target", "arm-linux-musleabihf", "-mcpu=cortex_a7"), ("qemu-arm",)),
    "riscv64": (("-target", "riscv64-linux-musl"), ("qemu-riscv64",)),
    "wasm32": (("-target", "wasm32-wasi", "-msimd128"), WASI),
}


@pytest.fixture(scope="module")
def golden():
    return load_golden()


def assert_golden(program, machine, model, golden):
    compared = check("c", model, fuse_with(program, machine), golden, floats=False)
    assert [one for one in compared if not one.passed] == []
    assert {one.dtype for one in compared} == {"uint8", "uint16"}


@needs_gcc
@pytest.mark.parametrize("model", shipped_models())
def test_gcc_makes_the_golden_pictures_of_it(model, golden, tmp_path):
    program = build(["gcc"], write_project(tmp_path, load_weights(model)))
    assert_golden(program, (), model, golden)


@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")
def test_clang_finds_nothing_wrong_in_it_nor_does_it_touch_what_is_not_its_own(golden, tmp_path):
    sanitised = ["clang", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    program = build(sanitised, write_project(tmp_path, load_weights("small")), level="-O0")
    assert_golden(program, (), "small", golden)


@pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="ziglang is not installed")
@pytest.mark.parametrize("model", ["small", "base"])
@pytest.mark.parametrize("processor", TARGETS)
def test_other_processors_make_the_golden_pictures_of_it(processor, model, golden, tmp_path):
    options, (emulator, *arguments) = TARGETS[processor]
    machine = (installed(emulator), *arguments)
    program = build([*ZIG, *options], write_project(tmp_path, load_weights(model)))
    assert_golden(program, machine, model, golden)


@needs_gcc
@pytest.mark.parametrize("cells", [192 * 128, 150], ids=["all rows", "sampled rows"])
@pytest.mark.parametrize("model", ["small", "base"])
def test_context_models_leave_out_borders_as_the_core_does(model, cells, tmp_path):
    """Cells of a small thumbnail have many rows, of which some are read."""
    weights = load_weights(model)
    weights = replace(weights, config=replace(weights.config, thumbnail_cells=cells))
    pair = [framed(picture, 30) for picture in sample_pair(300, 200)]
    fused = fuse_with(build(["gcc"], write_project(tmp_path, weights)))(*pair)
    assert np.array_equal(fused, Fuser(weights)(*pair))


COUNT_BYTES = """
#include <stdio.h>
#include "lightfuse_rows.h"
#include "lightfuse_{model}_weights.h"
int main(void) {{
    int width, height, type;
    while (scanf("%d %d %d", &width, &height, &type) == 3) {{
        const lf_rows rows = {{width, height, (lf_type)type, 0, 0, 0}};
        printf("%zu\\n", lf_fuse_rows_bytes(&lightfuse_{model}, &rows));
    }}
    return 0;
}}
"""


def memory_stated(model: str) -> dict[tuple[int, int], tuple[int, int]]:
    """Kilobytes for 8 and 16 bits by width and height, from the table in the README."""
    lines = export_c(load_weights(model))["README.md"].decode().split("| picture |")[1].splitlines()
    heading, _, *rows = ([cell.strip(" `") for cell in line.split("|")] for line in lines)
    column = heading.index(model) + 2
    return {tuple(map(int, row[1].split("×"))): tuple(map(int, row[column].split(" / "))) for row in rows}


@needs_gcc
@pytest.mark.parametrize("model", shipped_models())
def test_the_memory_it_states_is_what_it_takes(model, tmp_path):
    (write_project(tmp_path, load_weights(model)) / "count.c").write_text(COUNT_BYTES.format(model=model))
    stated = memory_stated(model)
    asked = "".join(f"{width} {height} {kind}\n" for width, height in stated for kind in (0, 1))
    counted = subprocess.run(
        [build(["gcc"], tmp_path, "count.c", level="-O0")], input=asked, capture_output=True, text=True, check=True
    ).stdout.split()
    kilobytes = [number for row in stated.values() for number in row]
    np.testing.assert_allclose([int(needed) / 1000 for needed in counted], kilobytes, atol=1.5)  # vectors differ


@needs_gcc
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the figure is of x86-64")
@pytest.mark.parametrize(("model", "stated"), [("small", r"x86-64 about (\d+) kB"), ("paper", r"`paper` (\d+), ")])
def test_the_code_is_about_as_large_as_it_states(model, stated, tmp_path):
    weights = load_weights(model)
    write_project(tmp_path, weights)
    printed = subprocess.run(
        ["make", "--no-print-directory", "size"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    found = int(printed.splitlines()[-2].split()[3]) - 4 * weights.parameters
    kilobytes = int(re.search(stated, (tmp_path / "README.md").read_text("utf-8"))[1])
    assert found / 1000 == pytest.approx(kilobytes, rel=0.35)


@pytest.mark.parametrize("model", ["small", "base"])
def test_twelve_megapixels_fit_a_megabyte(model):
    assert memory_stated(model)[4000, 3000][0] < 1000


@needs_gcc
@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["missing.ppm", "wide.ppm"], "cannot be read"),
        (["wide.ppm", "text.ppm"], "cannot be read"),
        (["wide.ppm", "tall.ppm"], "must be of one size"),
        (["wide.ppm", "short.ppm"], "a row was not read"),
    ],
)
def test_the_example_says_what_is_wrong(names, sentence, example_program):
    folder = example_program.parent
    (folder / "wide.ppm").write_bytes(b"P6\n4 2\n255\n" + bytes(24))
    (folder / "tall.ppm").write_bytes(b"P6\n2 4\n255\n" + bytes(24))
    (folder / "short.ppm").write_bytes(b"P6\n4 2\n255\n" + bytes(20))
    (folder / "text.ppm").write_text("no picture")
    ran = subprocess.run([example_program, *names, "f.ppm"], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert sentence in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


@pytest.fixture(scope="module")
def example_program(tmp_path_factory):
    return build(["gcc"], write_project(tmp_path_factory.mktemp("example"), load_weights("paper")), level="-O0")


def test_the_header_includes_nothing_of_ours():
    header = amalgamated_core()
    assert '#include "' not in header
    assert all(name in header for name in ("lf_measure_rows", "lf_paper_filter_rows", "lf_context_combine_rows"))


def test_every_part_comes_once():
    parts = {
        "all.h": '#include "parts/one.h"\n#include "parts/two.h" /* why */\n#include "parts/two.h"\nend\n',
        "parts/one.h": "one\n",
        "parts/two.h": '#include "one.h"\ntwo\n',
    }
    assert amalgamate("all.h", lambda path: parts[path], set()) == "one\ntwo\nend\n"


def test_the_readme_states_the_costs():
    text = export_c(load_weights("small"))["README.md"].decode()
    assert "1,301 numbers, 5,204 bytes" in text
    assert "Multiply-adds per pixel: 143" in text
    assert "| 4000×3000 | 702 / 726 |" in text


def test_a_model_of_ones_own_has_a_name_that_c_can_say():
    files = export_c(Weights("my model*/2", make_weights().tensors, {}, make_weights().config))
    header = files["lightfuse_my_model__2_weights.h"].decode()
    assert "static const lf_paper lightfuse_my_model__2 = {" in header
    assert "lightfuse_my_model__2_weights.h" in files["main.c"].decode()
    assert header.splitlines()[0].count("*/") == 1
