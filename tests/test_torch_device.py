"""Fusing by torch: the same results as the core's for every type and order, and clear errors."""

import subprocess
import sys

import numpy as np
import pytest

from lightfuse.errors import LightFuseError, PictureError
from lightfuse.fuser import Fuser
from lightfuse.golden import check, load_golden
from lightfuse.models import load_weights, shipped_models

torch = pytest.importorskip("torch")

from lightfuse.torch_device import TorchModel  # noqa: E402


def on_torch(model):
    """Fuser with torch doing the work, on the processor: what a graphics card does, where there is none."""
    return Fuser(model, device="cpu:0")


@pytest.mark.parametrize("model", shipped_models())
def test_torch_reproduces_the_golden_pictures(model):
    compared = check("torch", model, on_torch(model), load_golden())
    assert [one for one in compared if not one.passed] == []
    assert {one.dtype for one in compared} == {"uint8", "uint16", "float32"}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_order_of_the_pictures_does_not_matter(pair, dtype):
    top = 1 / 255 if dtype == np.float32 else np.iinfo(dtype).max // 255
    under, over = (picture.astype(dtype) * dtype(top) for picture in pair)
    fuser = on_torch("small")
    fused = fuser(over, under)
    assert fused.dtype == dtype
    assert np.array_equal(fused, fuser(under, over))
    mirrored = under[:, ::-1]  # As bright as under: where they first differ decides.
    assert np.array_equal(fuser(under, mirrored), fuser(mirrored, under))


def test_out_may_be_an_input_and_a_view(pair):
    under, over = (picture.copy() for picture in pair)
    fuser = on_torch("small")
    expected = fuser(under, over)
    frame = np.zeros((under.shape[0] + 2, *under.shape[1:]), np.uint8)
    assert fuser(under, over, frame[1:-1]).base is frame
    assert np.array_equal(frame[1:-1], expected)
    assert not frame[[0, -1]].any()
    assert fuser(under, over, over) is over
    assert np.array_equal(over, expected)


def test_stream_gives_the_result_of_each_pair(pair):
    pairs = [pair, (pair[0], pair[1][::-1]), pair]
    fuser = on_torch("small")
    for one, fused in zip(pairs, list(fuser.stream(pairs)), strict=True):
        assert np.array_equal(fused, fuser(*one))


def test_invalid_pictures_are_refused(pair):
    with pytest.raises(PictureError, match="differ in size"):
        on_torch("small")(pair[0], pair[1][1:])
    bad = np.full((4, 4, 3), np.nan, np.float32)
    with pytest.raises(PictureError, match="NaN"):
        on_torch("small")(bad, bad)


@pytest.mark.parametrize("device", ["cuda:77", "warp", "meta", ""])
def test_missing_device_is_reported_in_one_sentence(device):
    with pytest.raises(LightFuseError, match=f"^there is no device '{device}' that torch can use here: ") as told:
        Fuser("small", device=device)
    assert "\n" not in str(told.value)


def test_out_of_memory_is_reported(monkeypatch, pair):
    model = TorchModel(load_weights("small"), "cpu")

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model, "_module", full)
    with pytest.raises(LightFuseError, match=r"^device 'cpu' has too little memory for \d+×\d+; fuse on the processor"):
        model.fuse(*pair, np.empty_like(pair[0]))


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from lightfuse.fuser import Fuser
import numpy as np
Fuser("small")(np.zeros((4, 4, 3), np.uint8), np.ones((4, 4, 3), np.uint8))
try:
    Fuser("small", device="cuda")
except Exception as error:
    print(type(error).__name__, error)
"""


def test_without_torch_the_core_works_and_a_device_names_the_extra():
    ran = subprocess.run([sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("MissingExtraError fusing on a device other than the processor needs an extra")
    assert "lightfuse[train]" in ran.stdout


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_cuda_reproduces_the_golden_pictures():
    compared = [
        one for name in shipped_models() for one in check("torch", name, Fuser(name, device="cuda"), load_golden())
    ]
    assert [one for one in compared if not one.passed] == []
