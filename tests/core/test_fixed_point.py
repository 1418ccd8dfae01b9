"""8-bit pictures in 16-bit fixed point: the same bits on every instruction set, close to floats, and nothing wraps."""

import dataclasses
import shutil
import subprocess

import numpy as np
import pytest
from builders.c_project import build, write_project

from lightfuse import core
from lightfuse.fuser import Fuser
from lightfuse.models import load_weights
from lightfuse.models.config import config_of
from lightfuse.models.networks import build as build_network
from lightfuse.models.networks import from_weights, to_weights
from lightfuse.sample import sample_pair
from tools.make_golden import fused_by_torch

MODELS = ("small", "base")
ALL = (*MODELS, "paper")
RANDOM = np.random.default_rng(5)
PAIRS = {
    "scene": sample_pair(300, 200),
    "noise": tuple(RANDOM.integers(0, 256, (2, 90, 131, 3), dtype=np.uint8)),
    "extremes": tuple(RANDOM.choice(np.array([0, 255], np.uint8), (2, 60, 77, 3))),
    "narrow": sample_pair(3, 500),
    "pixel": sample_pair(1, 1),
}


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("model", ALL)
def test_every_instruction_set_and_number_of_threads_gives_the_same_bits(model, pair):
    fused = [Fuser(model, threads, isa=isa)(*PAIRS[pair]) for isa in core.instruction_sets() for threads in (1, 3)]
    assert len({one.tobytes() for one in fused}) == 1


@pytest.mark.parametrize("pair", ["scene", "noise"])
@pytest.mark.parametrize("model", ALL)
def test_few_values_are_a_level_from_floats_and_none_two(model, pair):
    under, over = PAIRS[pair]
    exact = np.round(fused_by_torch(from_weights(load_weights(model)), under, over) * 255.0)
    difference = np.abs(Fuser(model)(under, over) - exact)
    assert difference.max() <= 1
    assert (difference == 1).mean() < 0.08


def test_shapes_without_code_of_their_own_are_fused_in_integers_too():
    config = dataclasses.replace(config_of("small"), hidden=(9, 12))
    weights = to_weights(build_network(config), "small", {})
    fuser = Fuser(weights)
    exact = np.round(fused_by_torch(from_weights(weights), *PAIRS["scene"]) * 255.0)
    assert np.abs(fuser(*PAIRS["scene"]) - exact).max() <= 1


@pytest.mark.parametrize("model", MODELS)
def test_equal_pictures_come_back_as_they_are(model):
    picture = PAIRS["noise"][0]
    assert np.array_equal(Fuser(model)(picture, picture.copy()), picture)


BOUNDS = r"""
#include <stdio.h>
#include "lightfuse.h"
#include "lightfuse_@_weights.h"

static int product(int a, int b) { return (int)(((int64_t)a * b + 0x4000) >> 15); }

/* Interval arithmetic on the integers that the kernel gets: whether the sum of output o leaves 16 bits for any pixels,
 * from what it starts at, and its largest value after ReLU. */
static int leaves(const lf_weight *weights, int n_in, int n_out, int o, const int *top, int low, int high,
                  int *result) {
    for (int i = 0; i < n_in; i++) {
        const int weight = (int16_t)weights[i * n_out + o], most = product(top[i], weight);
        if (weight == -32768) return printf("a weight is -32768\n");
        *(most < 0 ? &low : &high) += most;
    }
    *result = high < 0 ? 0 : high;
    return low < -32767 || high > 32767 ? printf("output %d of %d: %d to %d\n", o, n_out, low, high) : 0;
}
"""

CONTEXT_BOUNDS = r"""
static uint32_t seed = 1;
static float uniform(float low, float high) {
    seed = seed * 1664525u + 1013904223u;
    return low + (high - low) * (float)(seed >> 8) / 16777216.0f;
}

static int check(const lf_context_model *m, const lf_extremes *e, float strength) {
    static lf_fixed f;
    int top[2][LF_MAX_WIDTH];
    int16_t words[2][LF_MAX_CONTEXT];
    lf_fix(m, e, strength, &f);
    lf_fix_grid(m, &f, e->low, 1, 1, words[0]);
    lf_fix_grid(m, &f, e->high, 1, 1, words[1]);
    for (int i = 0; i < 6; i++) top[0][i] = 255 << 7;
    for (int l = 0; l < LF_LAYERS; l++)
        for (int o = 0; o < m->widths[l + 1]; o++) {
            const int last = l == LF_LAYERS - 1, c = last ? m->widths[1] + o : o;
            int low = (int16_t)f.biases[l][o], high = low;
            if (l == 0 || last) {
                low = words[0][c] < words[1][c] ? words[0][c] : words[1][c];
                high = words[0][c] < words[1][c] ? words[1][c] : words[0][c];
                if (high - low > 32767) return printf("context %d of layer %d spans too much\n", o, l);
                low--; /* rounding between cells */
                high++;
            }
            const int n_in = m->widths[l], n_out = m->widths[l + 1];
            if (leaves(f.weights[l], n_in, n_out, o, top[l % 2], low, high, &top[(l + 1) % 2][o])) return 1;
        }
    return 0;
}

int main(void) {
    const lf_context_model *m = &lightfuse_@;
    for (int i = 0; i < 20000; i++) {
        lf_extremes e;
        const float size = uniform(0, 1) < 0.1f ? uniform(0, 100) : uniform(0, 4);
        for (int c = 0; c < m->contexts; c++) {
            e.low[c] = uniform(-size, size);
            e.high[c] = e.low[c] + uniform(0, size);
        }
        if (check(m, &e, uniform(-0.5f, 1.5f) < 0 ? 0 : uniform(0, 1))) return 1;
    }
    return 0;
}
"""

PAPER_BOUNDS = r"""
static int check(const lf_fixed_paper *f, const int highest[2]) {
    int top[2][LF_MAX_WIDTH];
    for (int i = 0; i < 6; i++) {
        const lf_fixed_levels levels = f->levels[i / 3];
        top[0][i] = ((highest[i / 3] << 7) - levels.lowest) << levels.shift;
        if (top[0][i] > 32767) return printf("level %d becomes %d\n", highest[i / 3], top[0][i]);
    }
    for (int l = 0; l < LF_LAYERS; l++)
        for (int o = 0; o < f->widths[l + 1]; o++) {
            const int bias = (int16_t)f->biases[l][o], n_in = f->widths[l], n_out = f->widths[l + 1];
            if (leaves(f->weights[l], n_in, n_out, o, top[l % 2], bias, bias, &top[(l + 1) % 2][o])) return 1;
        }
    return 0;
}

int main(void) {
    static lf_weight room[20000];
    for (int low = 0; low < 256; low++)
        for (int high = low; high < 256; high += high < low + 9 ? 1 : 7) {
            const int highest[2] = {low == high ? 255 : high, low == high ? 255 : 255 - low};
            const lf_range under = lf_range_of(low, high, LF_U8), over = lf_range_of(255 - high, 255 - low, LF_U8);
            const lf_fixed_paper f = lf_fix_paper(&lightfuse_@, under, over, room);
            if (check(&f, highest)) return 1;
        }
    return 0;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("model", ALL)
def test_no_sum_leaves_sixteen_bits_whatever_the_pixels(model, tmp_path):
    program = (BOUNDS + (PAPER_BOUNDS if model == "paper" else CONTEXT_BOUNDS)).replace("@", model)
    (write_project(tmp_path, load_weights(model)) / "bounds.c").write_text(program)
    ran = subprocess.run([build(["gcc"], tmp_path, "bounds.c")], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")
