import cv2
import numpy as np
import pytest

from lightfuse import core
from lightfuse.align import align_bracket
from lightfuse.align.bracket import largest_rectangle, warped
from tools.synthetic import HandShake, sample_bracket

WIDTH, HEIGHT = 480, 320
SHAKE = HandShake((0.03, -0.02), 2.0)


@pytest.fixture(scope="module")
def shaken():
    return sample_bracket(WIDTH, HEIGHT, (-1.5, 1.5), seed=7, shake=SHAKE)


@pytest.fixture(scope="module")
def static():
    return sample_bracket(WIDTH, HEIGHT, (-1.5, 1.5), seed=7, shake=HandShake())


def outside(warp: np.ndarray) -> np.ndarray:
    """The pixels of the base that a frame moved by ``warp`` does not show."""
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(np.ones((HEIGHT, WIDTH), np.uint8), warp, (WIDTH, HEIGHT), flags=flags) == 0


@pytest.mark.parametrize("base", [0, 1])
def test_fill_border_predicts_what_the_frame_would_have_shown(shaken, static, base) -> None:
    aligned = align_bracket(shaken.pictures, base)
    other = 1 - base
    border = outside(aligned.warps[other])
    assert border.mean() > 0.03
    if base == 0:
        error = np.abs(aligned.frames[other].astype(float) - static.pictures[other])[border]
        mirrored = warped(shaken.pictures[other], aligned.warps[other], (slice(0, HEIGHT), slice(0, WIDTH)))
        assert error.mean() < 12
        assert error.mean() < 0.5 * np.abs(mirrored.astype(float) - static.pictures[other])[border].mean()
    # A black wedge would be far darker than what lies just inside it.
    assert aligned.frames[other][border].mean() > 0.5 * aligned.frames[other][~border].mean()


def test_fill_border_from_clipped_base_is_not_too_bright() -> None:
    # The base is white along the top, where the frame is grey, and where the frame itself is bright.
    rng = np.random.default_rng(0)
    frame = rng.integers(20, 60, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    frame[:60] = 120
    frame[200:300] = 250
    base = np.minimum(frame.astype(int) * 4, 255).astype(np.uint8)
    warp = np.array([[1, 0, 0], [0, 1, -12], [0, 0, 1.0]])
    shown = warped(frame, warp, (slice(0, HEIGHT), slice(0, WIDTH)))
    core.fill_border(shown, base, warp.ravel().tolist())
    assert np.abs(shown[:12].astype(int) - 120).max() <= 2


@pytest.mark.parametrize("base", [0, 1])
def test_fill_border_gives_the_same_picture_for_every_dtype(base) -> None:
    pictures = sample_bracket(WIDTH, HEIGHT, (-1.5, 1.5), seed=7, shake=SHAKE, bits=16).pictures
    warp = np.linalg.inv(SHAKE.matrix(WIDTH, HEIGHT)) if base else SHAKE.matrix(WIDTH, HEIGHT)
    shown = warped(pictures[1 - base], warp, (slice(0, HEIGHT), slice(0, WIDTH)))
    filled = {}
    for dtype, top in ((np.uint8, 255), (np.uint16, 65535), (np.float32, 1)):
        frame, other = ((picture / 65535 * top).astype(dtype) for picture in (shown, pictures[base]))
        core.fill_border(frame, other, warp.ravel().tolist())
        filled[dtype] = frame / top * 255
    border = outside(warp)
    assert np.abs(filled[np.uint16] - shown / 257)[border].mean() > 3
    # One code of 8 bits of the darker base is several of the frame's.
    assert np.abs(filled[np.uint16] - filled[np.uint8])[border].mean() < 1.5
    assert np.abs(filled[np.float32] - filled[np.uint16]).max() < 0.1


def test_fill_border_changes_nothing_inside_the_frame(shaken) -> None:
    warp = SHAKE.matrix(WIDTH, HEIGHT)
    shown = warped(shaken.pictures[1], warp, (slice(0, HEIGHT), slice(0, WIDTH)))
    filled = shown.copy()
    core.fill_border(filled, shaken.pictures[0], warp.ravel().tolist())
    inside = cv2.erode((~outside(warp)).astype(np.uint8), np.ones((13, 13), np.uint8), borderValue=0) > 0
    np.testing.assert_array_equal(filled[inside], shown[inside])


def test_crop_leaves_only_what_every_frame_shows(shaken) -> None:
    aligned = align_bracket(shaken.pictures, 0, border="crop")
    rows, columns = largest_rectangle([aligned.warps[1]], WIDTH, HEIGHT)
    assert {frame.shape for frame in aligned.frames} == {(rows.stop - rows.start, columns.stop - columns.start, 3)}
    assert not outside(aligned.warps[1])[rows, columns].any()
    np.testing.assert_array_equal(aligned.frames[0], shaken.pictures[0][rows, columns])
    filled = align_bracket(shaken.pictures, 0)
    deep_inside = np.s_[20:-20, 20:-20]
    np.testing.assert_allclose(
        aligned.frames[1][deep_inside].astype(int), filled.frames[1][rows, columns][deep_inside], atol=3
    )


def test_crop_of_aligned_frames_cuts_nothing_off(static) -> None:
    aligned = align_bracket(static.pictures, 0, border="crop")
    assert aligned.frames[0] is static.pictures[0]
    assert aligned.frames[1] is static.pictures[1]


def test_largest_rectangle_of_shifted_frames() -> None:
    warps = [np.array([[1, 0, 7.5], [0, 1, -3], [0, 0, 1.0]]), np.array([[1, 0, -2], [0, 1, 0], [0, 0, 1.0]])]
    assert largest_rectangle(warps, 100, 50) == (slice(3, 50), slice(2, 92))


def test_warped_frame_keeps_its_sharpness(shaken, static) -> None:
    aligned = align_bracket(shaken.pictures, 0)
    inner = np.s_[30:-30, 30:-30, 1]
    sharp, kept = (
        np.abs(np.diff(cv2.GaussianBlur(p, (0, 0), 0.7)[inner].astype(float), axis=1)).mean()
        for p in (static.pictures[1], aligned.frames[1])
    )
    assert kept > 0.9 * sharp


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_warp_by_the_identity_changes_nothing_and_threads_change_nothing(shaken, dtype) -> None:
    top = 1 if dtype is np.float32 else np.iinfo(dtype).max
    frame = (shaken.pictures[0] / 255 * top).astype(dtype)
    whole = (slice(0, HEIGHT), slice(0, WIDTH))
    np.testing.assert_array_equal(warped(frame, np.eye(3), whole), frame)
    moved = SHAKE.matrix(WIDTH, HEIGHT)
    np.testing.assert_array_equal(warped(frame, moved, whole), warped(frame, moved, whole, threads=3))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shift", [(0, 0), (0, 90), (0, -90), (12, 700), (5, -1100)])
def test_warp_in_place_gives_the_same_frame(shaken, dtype, shift) -> None:
    top = 1 if dtype is np.float32 else np.iinfo(dtype).max
    frame, whole = (shaken.pictures[0] / 255 * top).astype(dtype), (slice(0, HEIGHT), slice(0, WIDTH))
    for turn in (SHAKE.matrix(WIDTH, HEIGHT), np.linalg.inv(SHAKE.matrix(WIDTH, HEIGHT)), np.diag([-1, -1, 1.0])):
        warp = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1.0]]) @ turn
        expected, over = warped(frame, warp, whole), frame.copy()
        assert warped(over, warp, whole, threads=2, in_place=True) is over
        np.testing.assert_array_equal(over, expected)


def test_read_only_frame_is_not_warped_in_place(shaken) -> None:
    frame = shaken.pictures[0].copy()
    frame.flags.writeable = False
    shown = warped(frame, SHAKE.matrix(WIDTH, HEIGHT), (slice(0, HEIGHT), slice(0, WIDTH)), in_place=True)
    assert not np.shares_memory(shown, frame)
