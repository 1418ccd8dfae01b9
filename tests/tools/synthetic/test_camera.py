import numpy as np
import pytest

from tools.synthetic import Camera, Scene, chart_patches


@pytest.fixture(scope="module")
def light() -> np.ndarray:
    return Scene().render(300, 200)


@pytest.mark.parametrize("response", ["filmic", "srgb"])
@pytest.mark.parametrize("bits", [8, 16])
def test_unclipped_pixels_invert_to_the_light_within_quantisation(light: np.ndarray, response: str, bits: int) -> None:
    camera = Camera(response=response)
    picture = camera.photograph(light, 2.0, bits=bits, noise=False)
    assert picture.dtype == (np.uint8 if bits == 8 else np.uint16)
    top = 2**bits - 1
    middle = (picture > top // 50) & (picture < top * 49 // 50)
    assert middle.mean() > 0.3
    # Half a code either way, at this very pixel, brackets the truth.
    lower = camera.decode(((picture - 0.51) / top).astype(np.float32)) / 4
    upper = camera.decode(((picture + 0.51) / top).astype(np.float32)) / 4
    assert (lower[middle] <= light[middle]).all()
    assert (light[middle] <= upper[middle]).all()
    np.testing.assert_allclose(camera.measure(picture, 2.0)[middle], light[middle], rtol=0.15 if bits == 8 else 1e-3)


def test_the_chart_is_read_off_a_photograph(light: np.ndarray) -> None:
    camera = Camera()
    seen = camera.measure(camera.photograph(light, 2.0, bits=16, noise=False), 2.0)
    for patch in chart_patches(300, 200):
        np.testing.assert_allclose(seen[patch.rows, patch.columns].mean((0, 1)), patch.light, rtol=5e-3, atol=1e-5)


@pytest.mark.parametrize("headroom", [1.0, 2.0, 4.0])
def test_the_filmic_curve_rises_smoothly_to_white_at_the_headroom(headroom: float) -> None:
    camera = Camera(headroom=headroom)
    x = np.linspace(0, headroom, 4001, dtype=np.float32)
    code = camera.encode(x)
    assert (np.diff(code) >= 0).all()
    np.testing.assert_allclose(code[-1], 1, atol=1e-4)
    np.testing.assert_allclose(camera.decode(code), x, rtol=1e-3, atol=1e-5)
    if headroom > 1:
        assert camera.encode(np.float32([1.0]))[0] < 0.97


def test_the_srgb_response_matches_the_standard() -> None:
    code = Camera(response="srgb").encode(np.float32([-1, 0, 0.002, 0.18, 1, 5]))
    np.testing.assert_allclose(code, [0, 0, 0.02584, 0.46136, 1, 1], atol=1e-4)


@pytest.mark.parametrize("level", [0.02, 0.3])
def test_noise_has_the_stated_mean_and_variance_in_each_channel(level: float) -> None:
    camera = Camera(response="srgb", full_well=2000, read_noise=5, black_level=0.01)
    grey = np.full((250, 400, 3), level, np.float32)
    seen = camera.measure(camera.photograph(grey, 0.0, bits=16, seed=5), 0.0).reshape(-1, 3).astype(np.float64)
    gain = np.array(camera.white_balance)
    variance = gain * (level + 0.01) / 2000 + (gain * 5 / 2000) ** 2
    np.testing.assert_allclose(seen.mean(0), level, atol=5 * np.sqrt(variance.max() / len(seen)))
    np.testing.assert_allclose(seen.var(0), variance, rtol=0.03)


def test_the_same_seed_makes_the_same_noise_and_another_seed_another(light: np.ndarray) -> None:
    first, again, other = (Camera().photograph(light, 0.0, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_one_stop_of_exposure_is_twice_the_light(light: np.ndarray) -> None:
    camera = Camera()
    assert np.array_equal(camera.photograph(light, 1.0, noise=False), camera.photograph(light * 2, 0.0, noise=False))


def test_photographing_leaves_the_light_alone(light: np.ndarray) -> None:
    before = light.copy()
    Camera().photograph(light, 3.0)
    assert np.array_equal(light, before)


@pytest.mark.parametrize("wrong", [{"response": "log"}, {"full_well": 0}, {"read_noise": -1}, {"headroom": 0.5}])
def test_an_impossible_camera_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="a camera's"):
        Camera(**wrong)


def test_other_depths_than_8_and_16_bits_are_refused(light: np.ndarray) -> None:
    with pytest.raises(ValueError, match="8 or 16 bits"):
        Camera().photograph(light, 0.0, bits=12)
