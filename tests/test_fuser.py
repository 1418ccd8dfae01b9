"""Fuser: one result for any order, number of threads, instruction set and memory layout, and clear errors."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from builders.weights import make_weights

from lightfuse import core
from lightfuse.errors import LightFuseError, PictureError, WeightsError
from lightfuse.fuser import Context, Fuser
from lightfuse.models import Weights, load_weights, shipped_models

DTYPES = (np.uint8, np.uint16, np.float32)
SIZES = [(1, 1), (1, 50), (50, 1), (33, 65), (8, 8), (130, 7)]


def as_dtype(picture, dtype):
    if dtype == np.uint16:
        return picture.astype(np.uint16) * np.uint16(257)
    return picture if dtype == np.uint8 else picture.astype(np.float32) / np.float32(255)


def noise_pair(height, width, dtype=np.uint8, seed=0):
    """A dark and a bright picture of noise: every pixel counts."""
    random = np.random.default_rng(seed)
    under = random.integers(0, 120, (height, width, 3), dtype=np.uint8)
    over = random.integers(100, 256, (height, width, 3), dtype=np.uint8)
    return as_dtype(under, dtype), as_dtype(over, dtype)


def same(a, b):
    return a.dtype == b.dtype and np.array_equal(a, b)


@pytest.fixture(scope="module", params=shipped_models())
def model(request):
    """Each shipped model: what is promised of a Fuser is promised of every one."""
    return request.param


@pytest.fixture(scope="module")
def fuser(model):
    return Fuser(model, threads=1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_fused_picture_differs_from_both_inputs(fuser, pair, dtype):
    under, over = (as_dtype(picture, dtype) for picture in pair)
    fused = fuser(under, over)
    assert (fused.dtype, fused.shape) == (dtype, under.shape)
    assert under.mean() < fused.mean() < over.mean()
    assert len(np.unique(fused)) > 100


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_order_of_the_pictures_does_not_matter(fuser, size, dtype):
    under, over = noise_pair(*size, dtype)
    assert same(fuser(under, over), fuser(over, under))


def test_order_of_pictures_of_equal_mean_does_not_matter(fuser):
    first = noise_pair(20, 30)[0]
    second = first.copy()
    second[3, 4], second[10, 11] = first[10, 11], first[3, 4]
    assert first.mean() == second.mean()
    assert same(fuser(first, second), fuser(second, first))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(67, 131), (321, 37), (1, 300), (129, 129)])
def test_number_of_threads_does_not_change_pixels(model, size, dtype):
    under, over = noise_pair(*size, dtype)
    alone = Fuser(model, threads=1)(under, over)
    for threads in (2, 3, 7):
        assert same(Fuser(model, threads=threads)(under, over), alone)


def test_number_of_threads_does_not_change_pixels_of_a_wide_model():
    weights, (under, over) = make_weights("paper-wide"), noise_pair(131, 33)
    alone = Fuser(weights, threads=1)(under, over)
    assert all(same(Fuser(weights, threads=threads)(under, over), alone) for threads in (2, 3, 7))


@pytest.mark.parametrize("isa", core.instruction_sets())
@pytest.mark.parametrize("size", SIZES)
def test_instruction_sets_agree(isa, size):
    for model in ("paper", make_weights("paper"), make_weights("paper-wide")):
        here, there = Fuser(model, threads=1, isa=isa), Fuser(model, threads=1)
        for dtype, tolerance in ((np.uint8, 1), (np.uint16, 7), (np.float32, 1e-4)):
            pictures = noise_pair(*size, dtype)
            difference = here(*pictures).astype(np.float64) - there(*pictures)
            assert np.abs(difference).max() <= tolerance


@pytest.mark.parametrize("size", SIZES)
def test_dtypes_agree(fuser, size):
    eight, sixteen, floats = (fuser(*noise_pair(*size, dtype)) for dtype in DTYPES)
    assert np.abs(sixteen / 257.0 - eight).max() < 1.5  # Eight bits may be fused in half precision: one level.
    assert np.abs(floats * 255.0 - eight).max() < 1.5
    assert np.abs(floats * 65535.0 - sixteen).max() < 1.5


VIEWS = {
    "rows cut from a wider picture": lambda p: np.hstack([p, p])[:, : p.shape[1]],
    "every other row": lambda p: np.repeat(p, 2, axis=0)[::2],
    "every other column": lambda p: np.repeat(p, 2, axis=1)[:, ::2],
    "upside down": lambda p: np.ascontiguousarray(p[::-1])[::-1],
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1])[:, ::-1],
    "BGR": lambda p: np.ascontiguousarray(p[:, :, ::-1])[:, :, ::-1],
    "column by column": np.asfortranarray,
    "with alpha cut off": lambda p: np.dstack([p, p[:, :, :1]])[:, :, :3],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_memory_layout_does_not_matter(fuser, view, dtype):
    under, over = noise_pair(33, 65, dtype)
    assert np.array_equal(view(under), under)
    assert same(fuser(view(under), view(over)), fuser(under, over))


def test_broadcast_rows_are_read(fuser):
    under, over = noise_pair(1, 40)
    tall = [np.broadcast_to(picture, (20, 40, 3)) for picture in (under, over)]
    assert same(fuser(*tall), fuser(*(picture.copy() for picture in tall)))


def test_unaligned_floats_are_read(fuser):
    under, over = noise_pair(9, 10, np.float32)
    raw = np.zeros(under.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(under.tobytes(), np.uint8)
    shifted = raw[1:].view(np.float32).reshape(under.shape)
    assert same(fuser(shifted, over), fuser(under, over))


def test_read_only_pictures_are_not_changed(fuser):
    under, over = noise_pair(33, 65)
    fused, kept = fuser(under, over), under.copy()
    under.flags.writeable = over.flags.writeable = False
    assert same(fuser(under, over), fused)
    assert same(under, kept)


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_is_filled_and_returned(fuser, dtype):
    under, over = noise_pair(33, 65, dtype)
    canvas = np.zeros((33, 80, 3), dtype)
    out = canvas[:, 10:75]
    assert fuser(under, over, out) is out
    assert same(out, fuser(under, over))
    assert not canvas[:, :10].any()
    assert not canvas[:, 75:].any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("threads", [1, 3])
def test_out_may_be_an_input(model, which, threads, dtype):
    pictures = noise_pair(150, 65, dtype)
    expected = Fuser(model, threads=1)(*pictures)
    assert same(Fuser(model, threads=threads)(*pictures, out=pictures[which]), expected)
    assert same(pictures[which], expected)


@pytest.mark.parametrize("threads", [1, 3])
def test_out_may_overlap_an_input(model, threads):
    under, over = noise_pair(150, 65)
    expected = Fuser(model, threads=1)(under, over)
    buffer = np.concatenate([under, under[:1]])
    assert same(Fuser(model, threads=threads)(buffer[:-1], over, buffer[1:]), expected)
    upside_down = under.copy()
    assert same(Fuser(model, threads=threads)(upside_down, over, upside_down[::-1]), expected)


@pytest.mark.parametrize(
    "out",
    [
        np.zeros((33, 64, 3), np.uint8),
        np.zeros((33, 65, 3), np.uint16),
        np.zeros((33, 130, 3), np.uint8)[:, ::2],
        np.zeros((33, 65, 3), np.uint8, order="F"),
        [[0]],
    ],
    ids=["size", "dtype", "columns", "order", "list"],
)
def test_unsuitable_out_is_refused(fuser, out):
    with pytest.raises(PictureError, match="out must be"):
        fuser(*noise_pair(33, 65), out)


def test_a_read_only_out_is_refused(fuser):
    out = np.zeros((33, 65, 3), np.uint8)
    out.flags.writeable = False
    with pytest.raises(PictureError, match="writeable"):
        fuser(*noise_pair(33, 65), out)


@pytest.mark.parametrize("levels", [(0, 0), (0, 255), (77, 77), (10, 200), (255, 255)])
def test_flat_pictures_give_finite_values(fuser, levels):
    for dtype in DTYPES:
        under, over = (as_dtype(np.full((20, 31, 3), level, np.uint8), dtype) for level in levels)
        fused = fuser(under, over)
        assert np.isfinite(fused).all()
        # Away from the padding on the right and below nothing tells one pixel from another; but a thumbnail's means,
        # over cells of different size, round differently.
        rounding = 0 if fuser.weights.model == "paper" else 1e-5 if dtype == np.float32 else 1
        assert np.abs(fused[:8, :8].astype(np.float64) - fused[0, 0]).max() <= rounding
        assert fused.max() <= (1 if dtype == np.float32 else np.iinfo(dtype).max)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_array_may_be_both_pictures(fuser, dtype):
    picture = noise_pair(33, 65, dtype)[0]
    kept = picture.copy()
    assert same(fuser(picture, picture), fuser(kept, kept.copy()))
    assert same(picture, kept)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("place", [(0, 0, 0), (16, 40, 1), (32, 64, 2)])
def test_nan_and_infinity_are_refused(fuser, value, which, place):
    pictures = noise_pair(33, 65, np.float32)
    pictures[which][place] = value
    with pytest.raises(PictureError, match=f"the {['first', 'second'][which]} picture holds NaN or infinite values"):
        fuser(*pictures)


@pytest.mark.parametrize(("value", "shown"), [(255.0, "255"), (-0.5, "-0.5"), (1.01, "1.01"), (3e38, "3e.38")])
def test_floats_out_of_range_are_refused(fuser, value, shown):
    under, over = noise_pair(33, 65, np.float32)
    over[5, 6, 1] = value
    with pytest.raises(PictureError, match=rf"second .*{shown}.*must lie in \[0, 1\]"):
        fuser(under, over)


def test_floats_slightly_out_of_range_are_clipped(fuser):
    under, over = noise_pair(33, 65, np.float32)
    over[0, 0, 0], under[0, 0, 0] = 1 + 1e-6, -1e-6
    fused = fuser(under, over)
    assert fused.min() >= 0
    assert fused.max() <= 1


GOOD = np.zeros((4, 5, 3), np.uint8)


@pytest.mark.parametrize(
    ("under", "over", "says"),
    [
        (GOOD[:, :, 0], GOOD, r"height × width × 3, not an array of shape \(4, 5\)"),
        (GOOD, np.zeros((4, 5, 4), np.uint8), r"\(4, 5, 4\)"),
        (np.zeros((0, 5, 3), np.uint8), GOOD, r"\(0, 5, 3\)"),
        (np.zeros((1, 4, 5, 3), np.uint8), GOOD, r"\(1, 4, 5, 3\)"),
        (GOOD.tolist(), GOOD, "not list"),
        (GOOD, None, "not NoneType"),
        (GOOD.astype(np.float64), GOOD, "float64; convert"),
        (GOOD.astype(np.float16), GOOD, "float16; convert"),
        (GOOD.astype(np.int16), GOOD, "int16; convert"),
        (GOOD.astype(">u2"), GOOD.astype(np.uint16), ">u2; convert"),
        (GOOD.astype(bool), GOOD, "bool; convert"),
        (GOOD, np.zeros((5, 4, 3), np.uint8), "differ in size: picture 1 is 5×4, picture 2 is 4×5"),
        (GOOD, GOOD.astype(np.uint16), "differ in type: picture 1 is uint8, picture 2 uint16"),
    ],
)
def test_invalid_pairs_are_refused(fuser, under, over, says):
    with pytest.raises(PictureError, match=says):
        fuser(under, over)


def test_one_fuser_serves_many_threads(model):
    fuser = Fuser(model, threads=2)
    pairs = [noise_pair(70 + i, 90 - i, seed=i) for i in range(12)]
    expected = [fuser(*pictures) for pictures in pairs]
    with ThreadPoolExecutor(4) as pool:
        fused = list(pool.map(lambda pictures: fuser(*pictures), pairs * 3))
    assert all(same(a, b) for a, b in zip(fused, expected * 3, strict=True))


@pytest.mark.parametrize("threads", [0, -1, 10**12, 2.5])
def test_invalid_number_of_threads_is_refused(threads):
    with pytest.raises(LightFuseError, match="threads must be an integer from 1 to"):
        Fuser(threads=threads)


def test_unknown_instruction_set_is_refused():
    with pytest.raises(LightFuseError, match=r"'mmx' is not one of .*baseline"):
        Fuser(isa="mmx")


def test_the_model_may_be_a_name_a_path_or_weights(random_weights):
    pictures = noise_pair(20, 30)
    by_name, by_weights = Fuser("paper")(*pictures), Fuser(load_weights("paper"))(*pictures)
    assert same(by_name, by_weights)
    by_path, by_text = Fuser(random_weights)(*pictures), Fuser(str(random_weights))(*pictures)
    assert same(by_path, by_text)
    assert not same(by_name, by_path)


def test_unknown_model_is_refused_and_known_ones_listed():
    with pytest.raises(WeightsError, match=r"'ppaer' is neither a model \(.*paper.*\) nor a weights file"):
        Fuser("ppaer")


def test_weights_of_wrong_shapes_never_reach_the_core():
    good = make_weights()
    cut = {name: tensor[:1] for name, tensor in good.tensors.items()}
    with pytest.raises(WeightsError, match="has shape"):
        Fuser(Weights("paper", cut, {}))
    with pytest.raises(WeightsError, match="lack tensor"):
        Fuser(Weights("paper", {}, {}))
    with pytest.raises(WeightsError, match="needs"):
        Fuser(Weights("paper-wide", good.tensors, {}))


def test_non_contiguous_weights_are_read():
    good, pictures = make_weights(), noise_pair(20, 30)
    spread = {name: np.repeat(tensor, 2, axis=0)[::2] for name, tensor in good.tensors.items()}
    assert same(Fuser(Weights("paper", spread, {}))(*pictures), Fuser(good)(*pictures))


def dusk(side=160):
    """Both exposures of a scene that is dark on the left and bright on the right, with structure everywhere."""
    y, x = np.mgrid[0:side, 0 : 2 * side] / side
    light = 0.02 * 2 ** (3.5 * x) * (1 + 0.3 * np.sin(40 * x) * np.sin(40 * y))
    pictures = [np.clip(light * exposure, 0, 1) ** (1 / 2.2) * 255 for exposure in (0.4, 6)]
    return [np.repeat(np.rint(picture)[..., None], 3, axis=2).astype(np.uint8) for picture in pictures]


def test_pictures_fused_in_one_context_agree_where_they_overlap():
    left, right = ([np.ascontiguousarray(p[:, part]) for p in dusk()] for part in (slice(0, 200), slice(120, 320)))
    fuser = Fuser("base", threads=1)
    shared = fuser.context(*left)
    assert shared.grid.shape[0] == 12
    common = Context(shared.strength, shared.summary)
    apart = [fuser(*pair) for pair in (left, right)]
    together = [fuser.fuse(*pair, context=common)[0] for pair in (left, right)]
    differ = [abs(a[:, 120:].mean() - b[:, :80].mean()) for a, b in (apart, together)]
    assert differ[0] > 3
    assert differ[1] < 0.5
    assert np.array_equal(fuser.fuse(*left, context=shared)[0], apart[0])


def test_a_context_of_another_model_is_refused():
    pair = dusk(32)
    small = Fuser("small", threads=1).context(*pair)
    assert Fuser("paper", threads=1).context(*pair) is None
    with pytest.raises(LightFuseError, match="another model"):
        Fuser("base", threads=1).fuse(*pair, context=small)
    with pytest.raises(LightFuseError, match="takes the model"):
        Fuser("paper", threads=1).fuse(*pair, context=small)
