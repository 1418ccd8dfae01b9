"""What holds of any two pictures given to a Fuser: any size, type, content and place in memory (Hypothesis)."""

from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lightfuse import core
from lightfuse.fuser import Fuser
from lightfuse.models import shipped_models

LUMA = np.array([0.299, 0.587, 0.114])
FUSERS = {(model, threads): Fuser(model, threads) for model in shipped_models() for threads in (1, 2, 3, 8)}
BOUNDED = [model for model in shipped_models() if FUSERS[model, 1].weights.config.family == "context"]
TOP = {np.uint8: 255, np.uint16: 65535, np.float32: 1}
# Rounding each channel moves luma by half a level at most, arithmetic in floats and 16-bit integers by a little more.
LUMA_TOLERANCE = {np.uint8: 1.5, np.uint16: 8, np.float32: 1e-4}

# The same examples in every run; a failure is reproduced by running the test again.
several = settings(max_examples=40, deadline=None, derandomize=True, database=None)
models = st.sampled_from(shipped_models())


class Layout(NamedTuple):
    """How a picture lies in memory."""

    padding: int  # Bytes from one row's end to the next row.
    offset: int  # Bytes from the beginning of its memory.
    flipped: bool  # Whether its last row lies first.
    columns_apart: int  # 2: with another pixel between each two.


@st.composite
def pairs(draw, max_side=40):
    """Two pictures of one size and type: noise of any range, or made of the few values that are hard."""
    height, width = draw(st.integers(1, max_side)), draw(st.integers(1, 3 * max_side))
    dtype = draw(st.sampled_from(list(TOP)))
    return tuple(draw(_pictures(height, width, dtype)) for _ in range(2))


@st.composite
def _pictures(draw, height, width, dtype):
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    low, high = sorted(draw(st.tuples(st.floats(0, 1), st.floats(0, 1))))
    kind = draw(st.sampled_from(["noise", "flat", "extremes", "ramp", "spot"]))
    unit = np.full((height, width, 3), low)
    if kind == "noise":
        unit = random.uniform(low, high, unit.shape)
    elif kind == "extremes":
        unit = random.choice([0.0, low, high, 1.0], unit.shape)
    elif kind == "ramp":
        unit = np.broadcast_to(np.linspace(low, high, width)[:, None], unit.shape)
    elif kind == "spot":
        unit[random.integers(height), random.integers(width)] = high
    if dtype != np.float32:
        return np.rint(unit * TOP[dtype]).astype(dtype)
    # As a resize may leave them, slightly outside; and the smallest numbers there are.
    edges = random.choice(np.float32([0, -0.0, 1e-45, -9e-4, 1 + 9e-4]), unit.shape)
    return np.where(random.random(unit.shape) < draw(st.sampled_from([0, 0.05])), edges, unit).astype(np.float32)


layouts = st.builds(
    Layout, st.integers(0, 70), st.integers(0, 64), st.booleans(), st.sampled_from([1, 1, 1, 2])
)  # fmt: skip


def laid_out(picture, layout):
    """The same picture, so laid out: at any address and distance of rows, for floats and 16 bits odd ones too."""
    height, width, channels = picture.shape
    size = picture.itemsize
    pixel = channels * size * layout.columns_apart
    row = width * pixel + layout.padding
    memory = np.zeros(layout.offset + height * row, np.uint8)
    view = np.ndarray(picture.shape, picture.dtype, memory, layout.offset, (row, pixel, size))
    view = view[::-1] if layout.flipped else view
    view[...] = picture
    return view


def same(a, b):
    return a.dtype == b.dtype and a.tobytes() == b.tobytes()


@several
@given(pairs(max_side=150), models, st.sampled_from([2, 3, 8]))
def test_the_number_of_threads_does_not_matter(pair, model, threads):
    assert same(FUSERS[model, threads](*pair), FUSERS[model, 1](*pair))


@several
@given(pairs(), models, layouts, layouts, st.sampled_from([1, 3]))
def test_strides_and_alignment_do_not_matter(pair, model, first, second, threads):
    fuse = FUSERS[model, threads]
    assert same(fuse(laid_out(pair[0], first), laid_out(pair[1], second)), fuse(*pair))


@several
@given(pairs(), models, layouts)
def test_measuring_does_not_depend_on_strides(pair, model, layout):
    aligned = layout._replace(padding=layout.padding * 4, offset=layout.offset * 4, columns_apart=1)
    for threads in (1, 2):
        assert core.measure(laid_out(pair[0], aligned), threads) == core.measure(pair[0], 1)


@several
@given(pairs(), models)
def test_order_does_not_matter(pair, model):
    assert same(FUSERS[model, 1](*pair), FUSERS[model, 1](*reversed(pair)))


@several
@given(pairs(), models, st.sampled_from([0, 1]))
def test_fusing_in_place_gives_the_same(pair, model, index):
    expected = FUSERS[model, 2](*pair)
    pair = [picture.copy() for picture in pair]
    assert FUSERS[model, 2](*pair, out=pair[index]) is pair[index]
    assert same(pair[index], expected)


@several
@given(pairs(), models)
def test_inputs_are_left_alone_and_results_are_finite_and_in_range(pair, model):
    before = [picture.tobytes() for picture in pair]
    fused = FUSERS[model, 2](*pair)
    assert [picture.tobytes() for picture in pair] == before
    assert np.isfinite(fused).all()
    assert fused.min() >= 0
    assert fused.max() <= TOP[fused.dtype.type]


@several
@given(pairs(), st.sampled_from(BOUNDED))
def test_fused_luma_lies_between_those_of_the_inputs(pair, model):
    fused = FUSERS[model, 1](*pair)
    top, tolerance = TOP[fused.dtype.type], LUMA_TOLERANCE[fused.dtype.type]
    lumas = [p.astype(np.float64) @ LUMA for picture in pair for p in (picture, np.clip(picture, 0, top))]
    luma = fused.astype(np.float64) @ LUMA
    assert (luma >= np.min(lumas, axis=0) - tolerance).all()
    assert (luma <= np.max(lumas, axis=0) + tolerance).all()


@several
@given(pairs(), models)
def test_instruction_sets_agree(pair, model):
    """8 bits to a level, the others to what float arithmetic rounds differently."""
    results = [Fuser(model, 1, isa=isa)(*pair).astype(np.float64) for isa in core.instruction_sets()]
    tolerance = {np.uint8: 1, np.uint16: 8, np.float32: 1e-4}[pair[0].dtype.type]
    assert all(np.abs(result - results[0]).max() <= tolerance for result in results)
