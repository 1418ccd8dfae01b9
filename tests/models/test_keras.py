"""Reading the authors' Keras layout: every kernel ends up where the network wants it."""

import numpy as np
import pytest

from lightfuse.errors import WeightsError
from lightfuse.models import read_weights, save_weights
from lightfuse.models.keras import read_keras

h5py = pytest.importorskip("h5py", reason="the keras extra is not installed")


def write_keras(path, hidden=(32, 32), seed=0):
    """A file laid out as Keras lays out the authors' network, with random numbers; returns them by name."""
    random = np.random.default_rng(seed)
    channels = (6, *hidden, 3)
    shapes = {f"custconv2d/w{i + 1}:0": (1, 1, channels[i], channels[i + 1]) for i in range(3)}
    shapes |= {f"custconv2d/b{i + 1}:0": (channels[i + 1],) for i in range(3)}
    for name in ("depthwise_conv2d", "depthwise_conv2d_1"):
        shapes |= {f"{name}/{name}/depthwise_kernel:0": (3, 3, 6, 1), f"{name}/{name}/bias:0": (6,)}
    separable = "separable_conv2d/separable_conv2d"
    shapes |= {f"{separable}/depthwise_kernel:0": (3, 3, 6, 1), f"{separable}/pointwise_kernel:0": (1, 1, 6, 3)}
    shapes |= {f"{separable}/bias:0": (3,)}
    values = {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    with h5py.File(path, "w") as file:
        for name, value in values.items():
            file[name] = value
    return values


@pytest.mark.parametrize(("hidden", "model"), [((32, 32), "paper"), ((256, 64), "paper-wide")])
def test_every_keras_kernel_is_read(tmp_path, hidden, model):
    values = write_keras(tmp_path / "w.h5", hidden)
    weights = read_keras(tmp_path / "w.h5")
    assert weights.model == model
    assert weights.tensors["combining.layers.1.weight"][5, 7, 0, 0] == values["custconv2d/w2:0"][0, 0, 7, 5]
    kernel = values["depthwise_conv2d_1/depthwise_conv2d_1/depthwise_kernel:0"]
    assert weights.tensors["filtering.down2.weight"][4, 0, 1, 2] == kernel[1, 2, 4, 0]
    pointwise = values["separable_conv2d/separable_conv2d/pointwise_kernel:0"]
    assert weights.tensors["filtering.mix.weight"][2, 3, 0, 0] == pointwise[0, 0, 3, 2]


def test_saved_weights_come_back_equal(tmp_path):
    """Kernels are transposed views: a writer that takes their memory as it lies would scramble them."""
    write_keras(tmp_path / "w.h5")
    weights = read_keras(tmp_path / "w.h5")
    save_weights(tmp_path / "w.safetensors", weights)
    again = read_weights(tmp_path / "w.safetensors")
    assert again.model == weights.model
    assert again.notes == weights.notes
    for name, tensor in weights.tensors.items():
        np.testing.assert_array_equal(again.tensors[name], tensor)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "not a readable HDF5"), (b"not hdf5 at all", "not a readable HDF5"), (None, "is not a file")],
)
def test_files_that_are_not_keras_weights_are_refused(tmp_path, content, sentence):
    path = tmp_path / "w.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=sentence):
        read_keras(path)


def test_another_network_is_refused(tmp_path):
    write_keras(tmp_path / "other.h5", hidden=(48, 16))
    with pytest.raises(WeightsError, match=r"hidden layers \(48, 16\)"):
        read_keras(tmp_path / "other.h5")
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["dense/kernel:0"] = np.zeros(3)
    with pytest.raises(WeightsError, match="not of the paper's network"):
        read_keras(tmp_path / "none.h5")
