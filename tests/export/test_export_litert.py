"""LiteRT: the same pictures as Python for the size that was asked for."""

import numpy as np
import pytest

from lightfuse.golden import check, load_golden
from lightfuse.models import load_weights, shipped_models

pytest.importorskip("litert_torch")
interpreter = pytest.importorskip("ai_edge_litert.interpreter")

from lightfuse.export.engines import export_litert  # noqa: E402


def fuse_with(model):
    """What the golden set calls: exported for the size of each case, over first, floats in and out."""

    def fuse(under, over):
        height, width = under.shape[:2]
        files = export_litert(load_weights(model), width, height)
        assert list(files) == [f"lightfuse-{model}-{width}x{height}.tflite", "README.md"]
        ran = interpreter.Interpreter(model_content=next(iter(files.values())))
        ran.allocate_tensors()
        for place, picture in zip(ran.get_input_details(), (over, under), strict=True):
            top = 1 if picture.dtype == np.float32 else np.iinfo(picture.dtype).max
            ran.set_tensor(place["index"], picture[None].astype(np.float32) / np.float32(top))
        ran.invoke()
        fused = ran.get_tensor(ran.get_output_details()[0]["index"])[0]
        return fused if under.dtype == np.float32 else np.round(fused * top).astype(under.dtype)

    return fuse


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("model", shipped_models())
def test_the_interpreter_makes_the_golden_pictures_of_it(model):
    compared = check("litert", model, fuse_with(model), load_golden(), floats=False)
    assert [one for one in compared if not one.passed] == []
