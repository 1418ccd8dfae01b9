"""The header compiled by Clang with its sanitizers: pictures need no more alignment than their values have."""

import shutil
import subprocess
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "src" / "lightfuse" / "core"
PROGRAM = """
#include <stdlib.h>
#include "lightfuse.h"
int main(void) {
    const lf_context_model model = {.thumbnail_cells = 24576, .levels = 3};
    for (int width = 40; width < 60; width++)
        for (int shift = 0; shift < 3; shift++) {
            const int height = 33, row = 3 * width + shift;
            uint16_t *memory = calloc((size_t)height * row + shift, sizeof *memory);
            const lf_picture p = {.pixels = memory + shift, .width = width, .height = height,
                                  .row_bytes = 2 * row, .type = LF_U16};
            const lf_size size = lf_thumbnail_size(&model, width, height);
            float *thumbnail = malloc(sizeof(float) * 3 * size.rows * size.columns);
            float *scratch = malloc(sizeof(float) * lf_thumbnail_scratch_floats(width));
            lf_thumbnail_rows(&p, size, 0, size.rows, thumbnail, scratch);
            free(memory), free(thumbnail), free(scratch);
        }
    return 0;
}
"""


@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")
@pytest.mark.slow
def test_thumbnail_of_sixteen_bits_needs_two_byte_alignment_only(tmp_path):
    (tmp_path / "a.c").write_text(PROGRAM)
    options = ["-std=c11", "-O1", "-w", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{CORE}"]
    subprocess.run(["clang", *options, "a.c", "-o", "a", "-lm"], cwd=tmp_path, check=True)
    ran = subprocess.run([tmp_path / "a"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
