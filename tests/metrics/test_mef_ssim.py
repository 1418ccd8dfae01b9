import itertools
import sys

import cv2
import numpy as np
import pytest

from lightfuse.errors import PictureError
from lightfuse.evaluation.baselines import average, mertens
from lightfuse.metrics.mef_ssim import mef_ssim

SIDE = 11


def bracket(height: int = 128, width: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """A synthetic scene, half in shade, seen by an under- and an over-exposed frame that both clip."""
    random = np.random.default_rng(11)
    detail = cv2.GaussianBlur(random.random((height, width, 3)).astype(np.float32), (0, 0), 1.2)
    detail = (detail - detail.min()) / (detail.max() - detail.min())
    light = np.where(np.arange(width) < width // 2, 0.08, 1.0).astype(np.float32)
    radiance = light[None, :, None] * (0.2 + 0.8 * detail)
    return np.clip(radiance, 0, 1) ** 0.45, np.clip(radiance * 10, 0, 1) ** 0.45


def patch_by_patch(result: np.ndarray, exposures: list[np.ndarray]) -> float:
    """The measure as the paper states it, forming every patch."""
    weights = np.array([0.299, 0.587, 0.114])
    planes = [255 * picture.astype(np.float64) @ weights for picture in (result, *exposures)]
    scales = np.array([0.0448, 0.2856, 0.3001])
    scores = []
    for scale in range(len(scales)):
        if scale > 0:
            planes = [np.pad(p, [(0, side % 2) for side in p.shape], mode="edge") for p in planes]
            planes = [(p[::2, ::2] + p[1::2, ::2] + p[::2, 1::2] + p[1::2, 1::2]) / 4 for p in planes]
        height, width = planes[0].shape
        places = itertools.product(range(height - SIDE + 1), range(width - SIDE + 1))
        scores.append(
            np.mean([patch_score([p[y : y + SIDE, x : x + SIDE].ravel() for p in planes]) for y, x in places])
        )
    return float(np.prod(np.array(scores) ** (scales / scales.sum())))


def patch_score(patches: list[np.ndarray]) -> float:
    fused, *sources = patches
    residuals = [source - source.mean() for source in sources]
    contrasts = [np.linalg.norm(residual) + 0.001 for residual in residuals]
    agreement = np.linalg.norm(sum(residuals)) / sum(np.linalg.norm(residual) for residual in residuals)
    exponent = min(np.tan(np.pi / 2 * min(agreement, 1 - 1e-15)), 10)
    weights = np.array([(contrast / SIDE) ** exponent for contrast in contrasts])
    structure = sum(w * r / c for w, r, c in zip(weights / weights.sum(), residuals, contrasts, strict=True))
    desired = structure / np.linalg.norm(structure) * max(contrasts)
    offsets = np.arange(SIDE) - SIDE // 2
    bell = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(bell, bell).ravel() / bell.sum() ** 2
    a, b = desired - window @ desired, fused - window @ fused
    constant = (0.03 * 255) ** 2
    return float((2 * window @ (a * b) + constant) / (window @ (a * a) + window @ (b * b) + constant))


@pytest.mark.parametrize(("count", "height", "width"), [(2, 45, 47), (3, 44, 48)])
def test_mef_ssim_matches_patchwise_computation(count: int, height: int, width: int) -> None:
    random = np.random.default_rng(count)
    scene = random.random((height, width, 3))
    exposures = [np.clip(scene * gain + random.normal(0, 0.05, scene.shape), 0, 1) for gain in (0.3, 1.0, 2.5)[:count]]
    result = np.clip(np.mean(exposures, axis=0) + random.normal(0, 0.05, scene.shape), 0, 1)
    assert mef_ssim(result, exposures) == pytest.approx(patch_by_patch(result, exposures), abs=1e-5)


def test_mef_ssim_does_not_depend_on_strip_height(monkeypatch: pytest.MonkeyPatch) -> None:
    under, over = bracket()
    fused = mertens([under, over])
    module = sys.modules["lightfuse.metrics.mef_ssim"]
    scores = []
    for rows in (7, 1000):
        monkeypatch.setattr(module, "_PATCH_ROWS_AT_ONCE", rows)
        scores.append(mef_ssim(fused, [under, over]))
    assert scores[0] == pytest.approx(scores[1], abs=1e-12)


def test_mef_ssim_does_not_depend_on_exposure_order() -> None:
    under, over = bracket()
    fused = mertens([under, over])
    assert mef_ssim(fused, [under, over]) == pytest.approx(mef_ssim(fused, [over, under]), abs=1e-12)


def test_mef_ssim_of_identical_pictures_is_one() -> None:
    under, _ = bracket()
    assert mef_ssim(under, [under, under]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_mef_ssim_of_flat_pictures_is_one(level: float) -> None:
    flat = np.full((64, 64, 3), level)
    assert mef_ssim(flat, [flat, np.full((64, 64, 3), 0.3)]) == pytest.approx(1, abs=1e-6)


def test_mef_ssim_ignores_a_clipped_exposure() -> None:
    """Beside a wholly clipped exposure the other is all there is to keep."""
    under, _ = bracket()
    assert mef_ssim(under, [under, np.ones_like(under)]) == pytest.approx(1, abs=1e-3)


def test_mef_ssim_ranks_mertens_above_average_and_exposures() -> None:
    under, over = bracket()
    exposures = [under, over]
    scores = [mef_ssim(picture, exposures) for picture in (mertens(exposures), average(exposures), under, over)]
    assert scores[0] > max(scores[1:])


def test_mef_ssim_falls_with_blur() -> None:
    under, over = bracket()
    fused = mertens([under, over])
    scores = [mef_ssim(cv2.GaussianBlur(fused, (0, 0), sigma), [under, over]) for sigma in (0.5, 1, 2, 4)]
    assert mef_ssim(fused, [under, over]) > scores[0] > scores[1] > scores[2] > scores[3]


def test_mef_ssim_of_a_negative_is_low() -> None:
    under, _ = bracket()
    assert mef_ssim(1 - under, [under, under]) < 0.3


def test_mef_ssim_refuses_one_exposure_two_sizes_and_tiny_pictures() -> None:
    picture = np.zeros((64, 64, 3))
    with pytest.raises(PictureError, match="two or more"):
        mef_ssim(picture, [picture])
    with pytest.raises(PictureError, match="exposure 2 is 60×64"):
        mef_ssim(picture, [picture, picture[:, :60]])
    with pytest.raises(PictureError, match="44×44"):
        mef_ssim(picture[:43], [picture[:43]] * 2)
