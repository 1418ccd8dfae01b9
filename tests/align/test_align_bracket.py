import cv2
import numpy as np
import pytest

from lightfuse.align import align_bracket
from lightfuse.errors import LightFuseError, PictureError
from tools.synthetic import HandShake, sample_bracket

WIDTH, HEIGHT = 600, 400
SHAKE = HandShake((0.02, -0.015), 1.3, (0.004, -0.003))


def corner_errors(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    at = np.array([[0, 0, 1], [WIDTH - 1, 0, 1], [0, HEIGHT - 1, 1], [WIDTH - 1, HEIGHT - 1, 1.0]]).T
    one, other = found @ at, truth @ at
    return np.linalg.norm(one[:2] / one[2] - other[:2] / other[2], axis=0)


def as_dtype(picture: np.ndarray, dtype: type) -> np.ndarray:
    return picture if dtype is np.uint16 else (picture / np.float32(65535)).astype(np.float32)


@pytest.fixture(scope="module")
def shaken():
    return sample_bracket(WIDTH, HEIGHT, (-3, 3), seed=2, shake=SHAKE)


@pytest.fixture(scope="module")
def static():
    return sample_bracket(WIDTH, HEIGHT, (-3, 3), seed=3)


@pytest.mark.slow
def test_align_frames_six_stops_apart_to_a_fraction_of_a_pixel(shaken) -> None:
    aligned = align_bracket(shaken.pictures, 0)
    assert corner_errors(np.eye(3), shaken.homographies[1]).mean() > 10
    assert corner_errors(aligned.warps[1], shaken.homographies[1]).max() < 0.4


def test_align_to_either_frame(shaken) -> None:
    aligned = align_bracket(shaken.pictures, 1)
    assert corner_errors(aligned.warps[0], np.linalg.inv(shaken.homographies[1])).max() < 0.4


def test_align_keeps_the_base_and_moves_the_other_onto_it(shaken) -> None:
    aligned = align_bracket(shaken.pictures, 0)
    assert aligned.frames[0] is shaken.pictures[0]
    static = sample_bracket(WIDTH, HEIGHT, (-3, 3), seed=2, shake=HandShake())
    inner = np.s_[30:-30, 30:-30]
    wanted = cv2.GaussianBlur(static.pictures[1], (0, 0), 1.5)[inner].astype(float)
    moved = np.abs(cv2.GaussianBlur(aligned.frames[1], (0, 0), 1.5)[inner] - wanted).mean()
    unmoved = np.abs(cv2.GaussianBlur(shaken.pictures[1], (0, 0), 1.5)[inner] - wanted).mean()
    assert moved < unmoved / 8


@pytest.mark.parametrize("mode", ["auto", "always"])
def test_align_returns_static_frames_unchanged(static, mode) -> None:
    aligned = align_bracket(static.pictures, 1, mode=mode)
    if mode == "auto":
        assert aligned.frames[0] is static.pictures[0]
        assert aligned.notes == ()
    assert aligned.frames[1] is static.pictures[1]
    assert max(aligned.moves) < 0.3


@pytest.mark.slow
def test_mode_always_makes_a_small_movement_that_auto_does_not() -> None:
    bracket = sample_bracket(WIDTH, HEIGHT, (-1, 1), seed=1, shake=HandShake((0.2 / WIDTH, 0.0)))
    assert align_bracket(bracket.pictures, 0).frames[1] is bracket.pictures[1]
    always = align_bracket(bracket.pictures, 0, mode="always")
    assert corner_errors(always.warps[1], bracket.homographies[1]).max() < 0.1
    assert always.frames[1] is not bracket.pictures[1]


@pytest.mark.slow
def test_align_frames_nine_stops_apart_through_those_between() -> None:
    bracket = sample_bracket(WIDTH, HEIGHT, (-5, -2, 1, 4), seed=4, shake=HandShake((0.008, 0.005), 0.5))
    shuffled = [2, 0, 3, 1]
    aligned = align_bracket([bracket.pictures[i] for i in shuffled], 0)
    to_first = np.linalg.inv(bracket.homographies[2])
    for warp, index in zip(aligned.warps, shuffled, strict=True):
        assert corner_errors(warp, bracket.homographies[index] @ to_first).max() < 0.7


@pytest.mark.slow
def test_align_skips_a_frame_without_detail() -> None:
    bracket = sample_bracket(WIDTH, HEIGHT, (-2, 0, 2), seed=4, shake=HandShake((0.015, 0.012), 1.0))
    blank = np.full_like(bracket.pictures[1], int(bracket.pictures[1].mean()))
    aligned = align_bracket([bracket.pictures[0], blank, bracket.pictures[2]], 0)
    assert aligned.frames[1] is blank
    assert corner_errors(aligned.warps[2], bracket.homographies[2]).max() < 0.4


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.slow
def test_align_keeps_dtype_and_range(dtype) -> None:
    bracket = sample_bracket(WIDTH, HEIGHT, (-2, 2), seed=5, bits=16, shake=SHAKE)
    frames = [as_dtype(picture, dtype) for picture in bracket.pictures]
    aligned = align_bracket(frames, 0)
    assert corner_errors(aligned.warps[1], bracket.homographies[1]).max() < 0.3
    assert aligned.frames[1].dtype == dtype
    assert np.unique(aligned.frames[1]).size > 5000
    assert aligned.frames[1].min() >= 0
    assert aligned.frames[1].max() <= (1 if dtype is np.float32 else 65535)


@pytest.mark.slow
def test_align_is_robust_to_a_moving_object() -> None:
    bracket = sample_bracket(WIDTH, HEIGHT, (-2, 2), seed=6, shake=SHAKE)
    over = bracket.pictures[1].copy()
    over[150:330, 200:420] = np.roll(bracket.pictures[1], 25, axis=1)[150:330, 200:420]
    aligned = align_bracket([bracket.pictures[0], over], 0)
    assert corner_errors(aligned.warps[1], bracket.homographies[1]).max() < 0.15


def test_align_does_not_register_noise() -> None:
    rng = np.random.default_rng(0)
    frames = [np.clip(rng.normal(level, 3, (HEIGHT, WIDTH, 3)), 0, 255).astype(np.uint8) for level in (30, 200)]
    aligned = align_bracket(frames, 0, mode="always", names=["dark.jpg", "bright.jpg"])
    assert aligned.frames[1] is frames[1]
    assert [note.split(":")[0] for note in aligned.notes] == ["bright.jpg stays where it is"]


def test_align_leaves_flat_pictures_with_a_note() -> None:
    frames = [np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in (0, 120, 255)]
    aligned = align_bracket(frames, 1)
    assert all(out is frame for out, frame in zip(aligned.frames, frames, strict=True))
    assert len(aligned.notes) == 2
    assert "too little can be seen" in aligned.notes[0]


@pytest.mark.slow
def test_align_leaves_pictures_of_different_scenes() -> None:
    frames = [sample_bracket(WIDTH, HEIGHT, (ev,), seed=seed).pictures[0] for ev, seed in ((-2, 0), (2, 9))]
    frames[1] = np.ascontiguousarray(np.rot90(frames[1], 2))
    for mode in ("auto", "always"):
        assert align_bracket(frames, 0, mode=mode).frames[1] is frames[1]


@pytest.mark.slow
def test_align_makes_no_implausible_movement() -> None:
    bracket = sample_bracket(WIDTH, HEIGHT, (-1, 1), seed=2, shake=HandShake(rotation=25.0))
    for mode in ("auto", "always"):
        assert align_bracket(bracket.pictures, 0, mode=mode).frames[1] is bracket.pictures[1]


def test_align_notes_name_the_frame_and_its_movement(shaken) -> None:
    aligned = align_bracket(shaken.pictures, 0, names=["dark.jpg", "bright.jpg"])
    assert aligned.notes == (f"bright.jpg was moved by {aligned.moves[1]:.1f} px",)
    assert aligned.moves[1] == pytest.approx(corner_errors(np.eye(3), shaken.homographies[1]).max(), abs=0.4)


def test_align_gives_the_same_pixels_for_any_number_of_threads(shaken) -> None:
    before = cv2.getNumThreads()
    one, two = (align_bracket(shaken.pictures, 0, threads=threads) for threads in (1, 3))
    assert cv2.getNumThreads() == before
    np.testing.assert_array_equal(one.frames[1], two.frames[1])


@pytest.mark.parametrize("shape", [(1, 1, 3), (47, 300, 3), (48, 48, 3), (50, 2000, 3)])
def test_align_takes_pictures_of_any_shape(shape) -> None:
    dark = np.random.default_rng(1).integers(0, 90, shape).astype(np.uint8)
    frames = [dark, (dark * 2).astype(np.uint8)]
    aligned = align_bracket(frames, 0)
    assert aligned.frames[1] is frames[1]


def test_align_refuses_bad_brackets_in_one_sentence(static) -> None:
    dark, bright = static.pictures
    with pytest.raises(PictureError, match="two or more pictures, not 1"):
        align_bracket([dark], 0)
    with pytest.raises(PictureError, match=r"differ in size: a\.jpg is 600×400, b\.jpg is 600×399"):
        align_bracket([dark, bright[1:]], 0, names=["a.jpg", "b.jpg"])
    with pytest.raises(PictureError, match="differ in type: frame 1 is uint8, frame 2 uint16"):
        align_bracket([dark, bright.astype(np.uint16)], 0)
    with pytest.raises(PictureError, match=r"frame 2 must be an RGB array .* not an array of shape \(400, 600\)"):
        align_bracket([dark, bright[..., 0]], 0)
    with pytest.raises(PictureError, match="frame 2 cannot be aligned: it holds values that are not finite"):
        align_bracket([dark.astype(np.float32), np.full(bright.shape, np.nan, np.float32)], 0)


@pytest.mark.parametrize(
    "choice", [{"base": 2}, {"base": -1}, {"mode": "off"}, {"border": "black"}, {"threads": 0}, {"names": ["one"]}]
)
def test_align_refuses_bad_options_in_one_sentence(static, choice) -> None:
    with pytest.raises(LightFuseError) as raised:
        align_bracket(static.pictures, **({"base": 0} | choice))
    assert "\n" not in str(raised.value)
