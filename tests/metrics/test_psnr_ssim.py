import math

import numpy as np
import pytest

from lightfuse.errors import PictureError
from lightfuse.metrics.psnr_ssim import psnr, psnr_after_gain_and_gamma, ssim


def noisy_pair(shape: tuple[int, int] = (37, 52)) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    reference = random.random((*shape, 3))
    return np.clip(reference + random.normal(0, 0.1, reference.shape), 0, 1), reference


def test_psnr_of_a_uniform_error_of_a_tenth_is_20_db() -> None:
    assert psnr(np.full((4, 4, 3), 0.6), np.full((4, 4, 3), 0.5)) == pytest.approx(20, abs=1e-4)


def test_psnr_averages_the_error_over_channels_before_the_logarithm() -> None:
    reference = np.zeros((1, 1, 3))
    assert psnr(np.array([[[0.3, 0.0, 0.0]]]), reference) == pytest.approx(-10 * math.log10(0.03), abs=1e-4)


def test_psnr_of_equal_pictures_is_infinite() -> None:
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert psnr(picture, picture.copy()) == math.inf


def test_psnr_fitted_ignores_gain_and_gamma() -> None:
    """The error of rounding to 8 bits remains, enlarged where the picture was darkened."""
    _, reference = noisy_pair()
    darkened = 0.7 * reference**1.8
    assert psnr(darkened, reference) < 14
    assert psnr_after_gain_and_gamma(darkened, reference) > 44
    assert psnr_after_gain_and_gamma(reference, reference) > 55


def test_psnr_fitted_is_that_of_the_best_gain_of_flat_patches() -> None:
    """One level, two reference values of equal area: no gain can do better than their mean."""
    reference = np.concatenate([np.full((4, 4, 3), 0.4), np.full((4, 4, 3), 0.6)])
    assert psnr_after_gain_and_gamma(np.full((8, 4, 3), 51, np.uint8), reference) == pytest.approx(20, abs=1e-3)
    black = psnr_after_gain_and_gamma(np.zeros((8, 4, 3), np.uint8), reference)
    assert black == pytest.approx(-10 * math.log10(0.26), abs=1e-3)


@pytest.mark.slow
def test_psnr_agrees_with_scikit_image() -> None:
    from skimage.metrics import peak_signal_noise_ratio

    result, reference = noisy_pair()
    assert psnr(result, reference) == pytest.approx(peak_signal_noise_ratio(reference, result, data_range=1), abs=1e-4)


@pytest.mark.parametrize("shape", [(11, 11), (37, 52)])
@pytest.mark.slow
def test_ssim_agrees_with_scikit_image(shape: tuple[int, int]) -> None:
    from skimage.metrics import structural_similarity

    result, reference = noisy_pair(shape)
    expected = structural_similarity(
        result,
        reference,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=2,
    )
    assert ssim(result, reference) == pytest.approx(expected, abs=1e-6)


def test_ssim_of_two_flat_pictures_is_its_luminance_term() -> None:
    expected = (2 * 0.2 * 0.8 + 1e-4) / (0.2**2 + 0.8**2 + 1e-4)
    assert ssim(np.full((16, 16, 3), 0.2), np.full((16, 16, 3), 0.8)) == pytest.approx(expected, abs=1e-6)


def test_ssim_of_a_picture_and_its_negative_is_negative() -> None:
    _, reference = noisy_pair()
    assert ssim(1 - reference, reference) < -0.5


def test_ssim_of_equal_pictures_is_one() -> None:
    _, reference = noisy_pair()
    assert ssim(reference, reference) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_psnr_and_ssim_do_not_depend_on_dtype(measure) -> None:
    random = np.random.default_rng(5)
    result, reference = random.integers(0, 256, (2, 20, 20, 3), dtype=np.uint8)
    in_sixteen_bits = measure(result.astype(np.uint16) * np.uint16(257), reference / 255)
    assert in_sixteen_bits == pytest.approx(measure(result, reference), abs=1e-5)


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_pictures_of_two_sizes_are_refused(measure) -> None:
    with pytest.raises(PictureError, match="reference is 12×13 pixels, the result 13×12"):
        measure(np.zeros((12, 13, 3)), np.zeros((13, 12, 3)))


def test_ssim_refuses_pictures_smaller_than_its_window() -> None:
    with pytest.raises(PictureError, match="11×11"):
        ssim(np.zeros((10, 40, 3)), np.zeros((10, 40, 3)))
