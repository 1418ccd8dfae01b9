"""Registration as Python reaches it, and the parts of align.h, compiled strictly into a library of their own."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from lightfuse import core
from tools.synthetic import HandShake, sample_bracket

CORE = Path(core.__file__).parent
SIZE = (300, 200)
WARP = np.array([[1.006, -0.011, 0.02], [0.009, 1.002, -0.03], [0.003, 0.005, 1.0]])
STRICT = (
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-pedantic",
    "-Wconversion",
    "-Wshadow",
    "-Werror",
    "-O1",
    "-ffp-contract=off",
)
SOURCE = """
#include "align.h"
lf_matrix inverted(lf_matrix warp) { return lf_scaled(lf_times(lf_inverse(warp), warp)); }
lf_matrix through_parameters(lf_matrix warp) {
    double parameters[LF_PARAMETERS];
    lf_to_parameters(warp, parameters);
    return lf_from_parameters(parameters);
}
lf_matrix through_pixels(lf_matrix warp, int width, int height) {
    return lf_centred(lf_in_pixels(warp, lf_unit_of(width, height)), lf_unit_of(width, height));
}
lf_matrix translation(double amount, int width, int height) {
    const double parameters[LF_PARAMETERS] = {amount};
    return lf_in_pixels(lf_from_parameters(parameters), lf_unit_of(width, height));
}
int plausible(lf_matrix pixels, int width, int height) {
    return lf_is_plausible(lf_centred(pixels, lf_unit_of(width, height)));
}
int shrink(int width, int height) { return lf_working_shrink(width, height); }
void match(const uint8_t *first, const uint8_t *second, int width, int height, uint16_t *table, uint16_t *other,
           unsigned char *scratch) {
    const lf_channel one = {first, width, 1, width, height, LF_U8}, two = {second, width, 1, width, height, LF_U8};
    lf_match_tones(&one, &two, lf_whole(&one), lf_whole(&two), table, other, (lf_arena){scratch});
}
int salient(float *values, int width, int height, int most, float *x, float *y, float *value, int *tile, int *tiles,
            unsigned char *scratch) {
    const lf_image image = {values, width, height, lf_unit_of(width, height)};
    lf_arena kept = {scratch};
    const lf_points found = lf_salient_points(&image, most, &kept, (lf_arena){scratch + lf_points_bytes(most)});
    *tiles = found.tiles;
    for (int t = 0; t < found.tiles; t++)
        for (int i = found.start[t]; i < found.start[t + 1]; i++)
            x[i] = found.points[i].x, y[i] = found.points[i].y, value[i] = found.points[i].value, tile[i] = t;
    return found.start[found.tiles];
}
int candidate(float *base, float *frame, int width, int height, lf_matrix *best, unsigned char *scratch) {
    const lf_image one = {base, width, height, lf_unit_of(width, height)};
    const lf_image two = {frame, width, height, lf_unit_of(width, height)};
    lf_matrix found[LF_CANDIDATES];
    const int count = lf_search_candidates(&one, &two, found, (lf_arena){scratch});
    *best = lf_in_pixels(found[0], one.unit);
    return count;
}
int accepted(const double *before, const double *after, int count, double shift, double uncertainty, int always) {
    const double one[LF_PARAMETERS] = {shift}, other[LF_PARAMETERS] = {shift + uncertainty};
    static lf_gain gains[LF_MOST_GAINS];
    lf_scores scores[2] = {{.tiles = count < LF_MOST_TILES ? count : LF_MOST_TILES}, {.tiles = 0}};
    int filled = 0;
    for (int from = 0; from < count; from += LF_MOST_TILES) {
        scores[0].tiles = scores[1].tiles = count - from < LF_MOST_TILES ? count - from : LF_MOST_TILES;
        for (int i = 0; i < scores[0].tiles; i++) {
            scores[0].correlation[i] = before[from + i], scores[1].correlation[i] = after[from + i];
            scores[0].weight[i] = scores[1].weight[i] = 1;
        }
        filled = lf_add_gains(&scores[0], &scores[1], gains, filled);
    }
    const lf_matrix warp = lf_from_parameters(one);
    return lf_accept(warp, lf_from_parameters(other), warp, gains, filled, 300, 200, always).moved;
}
"""


class Matrix(ctypes.Structure):
    _fields_ = (("m", ctypes.c_double * 9),)

    @classmethod
    def of(cls, array):
        return cls((ctypes.c_double * 9)(*np.ravel(array)))

    @property
    def array(self):
        return np.reshape(self.m, (3, 3))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("gcc") or shutil.which("cc") or pytest.skip("no C compiler is installed")
    folder = tmp_path_factory.mktemp("align")
    (folder / "parts.c").write_text(SOURCE)
    command = [compiler, *STRICT, "-fPIC", "-shared", "-I", str(CORE), "-o", "parts.so", "parts.c"]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stderr) == (0, "")
    loaded = ctypes.CDLL(str(folder / "parts.so"))
    for name in ("inverted", "through_parameters", "through_pixels", "translation"):
        getattr(loaded, name).restype = Matrix
    return loaded


def address(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def scratch(megabytes=32):
    return np.zeros(megabytes << 20, np.uint8)


def test_inverse_and_parameters_and_pixels_of_a_homography_come_back(library) -> None:
    np.testing.assert_allclose(library.inverted(Matrix.of(WARP)).array, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(library.through_parameters(Matrix.of(WARP)).array, WARP, atol=1e-12)
    np.testing.assert_allclose(library.through_pixels(Matrix.of(WARP), *SIZE).array, WARP, atol=1e-12)


def test_translation_of_a_tenth_moves_points_by_a_twentieth_of_the_width(library) -> None:
    found = library.translation(ctypes.c_double(0.1), *SIZE).array
    np.testing.assert_allclose(found @ [10.0, 20.0, 1], [25, 20, 1])


@pytest.mark.parametrize(
    ("shake", "expected"),
    [
        (HandShake((0.03, 0.03), 2, (0.006, 0.006)), True),
        (HandShake((0.3, 0)), False),
        (HandShake(rotation=20), False),
        (HandShake(perspective=(0.3, 0)), False),
        (HandShake(zoom=1.3), False),
    ],
)
def test_only_hand_shake_is_plausible(library, shake, expected) -> None:
    assert bool(library.plausible(Matrix.of(shake.matrix(*SIZE)), *SIZE)) is expected


def test_match_tones_makes_exposures_alike_where_both_are_unclipped(library) -> None:
    radiance = np.random.default_rng(0).gamma(1.0, 0.3, (200, 300))
    dark, bright = (np.round(np.clip(radiance * gain, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8) for gain in (0.25, 4))
    for first, second in ((dark, bright), (bright, dark)):
        tables, room = np.zeros((2, 256), np.uint16), scratch()
        library.match(address(first), address(second), 300, 200, address(tables[0]), address(tables[1]), address(room))
        one, other = tables[0][first].astype(float), tables[1][second].astype(float)
        assert np.abs(one - other).mean() < 0.01 * 65535
        assert one[radiance > 0.3].std() == 0  # clipped in the brighter: clipped in both


def test_search_finds_large_translation_and_rotation(library) -> None:
    texture = cv2.GaussianBlur(np.random.default_rng(3).normal(size=(200, 300)).astype(np.float32), (0, 0), 3)
    truth = HandShake((0.05, -0.04), 3.0).matrix(300, 200)
    shaken = cv2.warpPerspective(texture, truth, (300, 200))
    best, room = Matrix(), scratch()
    assert library.candidate(address(texture), address(shaken), 300, 200, ctypes.byref(best), address(room)) == 3
    one, other = (matrix @ [149.5, 99.5, 1] for matrix in (best.array, truth))
    assert np.linalg.norm(one[:2] / one[2] - other[:2] / other[2]) < 1.5


def test_salient_points_come_from_every_textured_tile(library) -> None:
    picture = np.random.default_rng(0).normal(size=(150, 240)).astype(np.float32)
    x, y, values = np.zeros((3, picture.size), np.float32)
    tile, tiles, room = np.zeros(picture.size, np.int32), ctypes.c_int(), scratch()
    found = [address(array) for array in (x, y, values, tile)]
    count = library.salient(address(picture), 240, 150, 48000, *found, ctypes.byref(tiles), address(room))
    assert count <= picture.size // 4
    assert np.unique(tile[:count]).size == tiles.value > 50
    np.testing.assert_array_equal(values[:count], picture[y[:count].astype(int), x[:count].astype(int)])


@pytest.mark.parametrize(("size", "expected"), [((1728, 1152), 1), ((6000, 4000), 4), ((1, 9_000_000), 3)])
def test_large_pictures_are_compared_at_two_megapixels_or_less(library, size, expected) -> None:
    assert library.shrink(*size) == expected


def test_registration_gives_the_same_for_any_layout_of_rows() -> None:
    bracket = sample_bracket(480, 320, (-2, 2), seed=1, shake=HandShake.typical(3))
    padded = [np.pad(picture, ((0, 0), (0, 7), (0, 0)))[:, :480] for picture in bracket.pictures]
    flipped = [np.ascontiguousarray(picture[::-1])[::-1] for picture in bracket.pictures]
    wanted = core.align_frames(bracket.pictures[0], [bracket.pictures[1]], False)
    assert core.align_frames(padded[0], [padded[1]], False) == wanted
    assert core.align_frames(flipped[0], [flipped[1]], False) == wanted


def is_moved(library, before, after, *, shift=0.05, uncertainty=0.0, mode="auto"):
    scores = (address(np.array(values, float)) for values in (before, after))
    amounts = ctypes.c_double(shift), ctypes.c_double(uncertainty)
    return bool(library.accepted(*scores, len(before), *amounts, mode == "always"))


def test_frame_is_moved_if_all_tiles_correlate_better(library) -> None:
    assert is_moved(library, [0.5] * 40, [0.9] * 40)


@pytest.mark.parametrize(
    ("what", "mode", "arguments"),
    [
        ("no gain", "auto", {"before": [0.9] * 40, "after": [0.903] * 40}),
        ("a gain in a few tiles only", "auto", {"before": [0.5] * 40, "after": [0.5] * 38 + [0.9] * 2}),
        ("tiles that get worse", "auto", {"before": [0.7] * 160, "after": [0.9] * 120 + [0.5] * 40}),
        ("an uncertain warp", "auto", {"before": [0.5] * 40, "after": [0.9] * 40, "uncertainty": 0.04}),
        ("a tiny movement", "auto", {"before": [0.5] * 40, "after": [0.9] * 40, "shift": 0.001}),
        ("no correlation", "always", {"before": [0.01] * 40, "after": [0.05] * 40}),
        ("too few tiles", "always", {"before": [0.5] * 3, "after": [0.9] * 3}),
        ("a loss", "always", {"before": [0.6] * 40, "after": [0.5] * 40}),
        ("an implausible movement", "always", {"before": [0.5] * 40, "after": [0.9] * 40, "shift": 0.4}),
    ],
)
def test_frame_is_not_moved_for(library, what, mode, arguments) -> None:
    assert not is_moved(library, **arguments, mode=mode)


def test_mode_always_accepts_small_gains_and_movements(library) -> None:
    assert is_moved(library, [0.9] * 40, [0.903] * 40, mode="always")
    assert is_moved(library, [0.5] * 40, [0.9] * 40, shift=0.001, mode="always")
