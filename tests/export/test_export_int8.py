"""C in whole numbers: no float anywhere, near the golden pictures, and bit for bit what Python's numbers are."""

import importlib.util
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from builders.c_project import build, fuse_with, installed, write_project

from lightfuse.errors import DataError, WeightsError
from lightfuse.export.c_memory import PIXEL_BYTES
from lightfuse.export.int8.counting import fuse_counting
from lightfuse.export.int8.files import export_int8, int8_model
from lightfuse.export.int8.memory import int8_rows_bytes
from lightfuse.export.int8.readme import CODE_KB
from lightfuse.golden import check, load_golden
from lightfuse.images import write_picture
from lightfuse.models import ContextConfig, Weights, load_weights
from lightfuse.models.config import parameter_shapes
from tools.synthetic import sample_pair

MODELS = ("small", "base")
ZIG = (sys.executable, "-m", "ziglang", "cc")
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
needs_zig = pytest.mark.skipif(importlib.util.find_spec("ziglang") is None, reason="ziglang is not installed")


@pytest.fixture(scope="module")
def golden():
    return load_golden()


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    """A folder with the exported files, by model."""
    return {model: write_project(tmp_path_factory.mktemp(model), load_weights(model), export_int8) for model in MODELS}


@pytest.fixture(scope="module")
def counted():
    """What numpy counts with, by model."""
    return {model: int8_model(load_weights(model)) for model in MODELS}


def assert_golden(program, machine, model, golden):
    compared = check("c-int8", model, fuse_with(program, machine), golden, floats=False)
    assert [one for one in compared if not one.passed] == []
    assert {one.dtype for one in compared} == {"uint8", "uint16"}


@needs_gcc
@pytest.mark.parametrize("model", MODELS)
def test_gcc_makes_the_golden_pictures_of_it_and_numpy_the_same(model, golden, projects, counted):
    program = build(["gcc"], projects[model])
    assert_golden(program, (), model, golden)
    fuse = fuse_with(program)
    for case in golden.cases:
        assert np.array_equal(fuse(case.under, case.over), fuse_counting(counted[model], case.under, case.over))


@needs_zig
@pytest.mark.parametrize(
    ("target", "machine"),
    [
        (("arm-linux-musleabihf", "-mcpu=cortex_a7"), "qemu-arm"),
        (("riscv64-linux-musl",), "qemu-riscv64"),
    ],
)
def test_other_processors_make_the_same_pictures(target, machine, golden, projects, counted):
    fuse = fuse_with(build([*ZIG, "-target", *target], projects["small"]), (installed(machine),))
    for case in golden.cases:
        assert np.array_equal(fuse(case.under, case.over), fuse_counting(counted["small"], case.under, case.over))


def test_its_source_knows_no_floats(projects):
    for name in ("lightfuse_rows.h", "lightfuse_small_weights.h", "main.c"):
        code = re.sub(r"/\*.*?\*/", "", (projects["small"] / name).read_text(), flags=re.DOTALL)
        assert re.findall(r"\b(?:float|double|math\.h)\b|\d\.\d", code) == []


ONLY = """
#include "lightfuse_rows.h"
#include "lightfuse_base_weights.h"
int fuse(const lf_rows *rows, void *memory);
int fuse(const lf_rows *rows, void *memory) { return lf_fuse_rows(&lightfuse_base, rows, memory); }
size_t bytes(const lf_rows *rows);
size_t bytes(const lf_rows *rows) { return lf_fuse_rows_bytes(&lightfuse_base, rows); }
"""


@needs_zig
def test_a_processor_without_floats_needs_no_help_with_them(projects):
    (projects["base"] / "only.c").write_text(ONLY)
    command = [*ZIG, "-target", "thumb-freestanding-eabi", "-mcpu=cortex_m0", "-std=c11", "-Os", "-c", "only.c"]
    subprocess.run(command, cwd=projects["base"], check=True, capture_output=True)
    machine_code = (projects["base"] / "only.o").read_bytes()
    assert b"__aeabi_uidiv" in machine_code  # So do helpers show.
    assert re.findall(rb"__aeabi_(?:[fd]\w+|\w+2[fd])\0", machine_code) == []
    assert len(machine_code) < 1000 * (CODE_KB["Cortex-M0"] + 16)


COUNT_BYTES = """
#include <stdio.h>
#include "lightfuse_rows.h"
#include "lightfuse_small_weights.h"
int main(void) {
    const int sizes[][2] = {{1, 1}, {5, 67}, {640, 480}, {4000, 3000}, {12001, 8003}};
    for (int i = 0; i < 5; i++)
        for (int type = 0; type < 2; type++) {
            const lf_rows rows = {sizes[i][0], sizes[i][1], (lf_type)type, 0, 0, 0};
            const lf_size size = lf_thumbnail_size(&lightfuse_small, rows.width, rows.height);
            printf("%d %d %d %d %d\\n", rows.width, rows.height, size.columns, size.rows,
                   (int)lf_fuse_rows_bytes(&lightfuse_small, &rows));
        }
    return 0;
}
"""


@needs_gcc
def test_the_memory_it_states_is_what_it_takes(projects):
    config = load_weights("small").config
    (projects["small"] / "count.c").write_text(COUNT_BYTES)
    program = build(["gcc"], projects["small"], "count.c", level="-O0")
    counted = subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(counted) == 10
    for i, line in enumerate(counted):
        width, height, columns, rows, needed = map(int, line.split())
        assert (rows, columns) == config.thumbnail_size(height, width)
        assert abs(needed - int8_rows_bytes(config, width, height, list(PIXEL_BYTES.values())[i % 2])) < 300
    assert int8_rows_bytes(config, 4000, 3000, PIXEL_BYTES["8 bit"]) < 512_000


@needs_gcc
@pytest.mark.parametrize(
    "config",
    [
        ContextConfig(channels=4, outputs=4, hidden=(5,), levels=1, thumbnail_cells=1024),
        ContextConfig(channels=5, outputs=5, hidden=(6, 4, 3), shared=False, thumbnail_cells=4096, ratio=True),
    ],
)
def test_models_of_other_shapes(config, tmp_path):
    rng = np.random.default_rng(1)
    shapes = parameter_shapes(config)
    tensors = {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    tensors["filtering.head.weight"][1] = 0  # A row whose bias alone speaks.
    weights = Weights("other", tensors, {}, config)
    fuse = fuse_with(build(["gcc"], write_project(tmp_path, weights, export_int8)))
    counted = int8_model(weights)
    for pair in (sample_pair(50, 31, seed=7), sample_pair(21, 40, seed=8, bits=16)):
        assert np.array_equal(fuse(*pair), fuse_counting(counted, *pair))


def test_the_readme_states_what_it_costs_on_brackets_that_were_given(tmp_path):
    for seed in (5, 6, 7):
        (tmp_path / str(seed)).mkdir()
        for name, picture in zip("ab", sample_pair(96, 64, seed=seed), strict=True):
            write_picture(tmp_path / str(seed) / f"{name}.png", picture)
    text = export_int8(load_weights("small"), tmp_path)["README.md"].decode()
    assert "on the extremes of 3 brackets" in text
    rows = [
        [float(x.split()[0]) for x in line.split("|")[2:4]] for line in text.splitlines() if re.match(r"\| (P|M)", line)
    ]
    assert len(rows) == 3
    assert rows[0][0] >= rows[0][1] > 40
    assert abs(rows[1][0] - rows[2][0]) < 0.01


def test_a_folder_without_brackets_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no pictures"):
        export_int8(load_weights("small"), tmp_path)


def test_the_papers_model_has_no_such_form():
    with pytest.raises(WeightsError, match="'paper' has no form in whole numbers; the models small and base have"):
        export_int8(load_weights("paper"))
