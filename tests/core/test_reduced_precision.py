"""Eight-bit pictures in half precision, or by the matrix unit, where the processor has them, against full precision."""

import numpy as np
import pytest

from lightfuse import Fuser, core
from lightfuse.models import shipped_models
from tools.synthetic import sample_pair


def unless_missing(isa):
    missing = isa not in core.instruction_sets()
    return pytest.param(isa, marks=pytest.mark.skipif(missing, reason=f"this processor has no {isa}"))


REDUCED = [unless_missing(isa) for isa in ("avx512fp16", "amx")]


def pictures():
    random = np.random.default_rng(0)
    under = random.integers(0, 128, (200, 300, 3), dtype=np.uint8)
    ramp = np.tile((np.arange(600) / 600 * 255).astype(np.uint8)[None, :, None], (200, 1, 3))
    return {
        "noise": (under, (under * 2).astype(np.uint8)),
        "ramp": (ramp // 3, ramp),
        "scene": sample_pair(),
        "unrelated": tuple(random.integers(0, 256, (2, 200, 300, 3), dtype=np.uint8)),
    }


@pytest.mark.parametrize("isa", REDUCED)
@pytest.mark.parametrize("model", shipped_models())
def test_reduced_precision_stays_within_a_level(model, isa):
    reduced, full = Fuser(model, isa=isa), Fuser(model, isa="avx512")
    for name, (under, over) in pictures().items():
        difference = np.abs(reduced(under, over).astype(int) - full(under, over))
        assert difference.max() <= 1, name
        assert (difference > 0).mean() < 0.2, name


@pytest.mark.parametrize("isa", REDUCED)
@pytest.mark.parametrize("model", shipped_models())
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deeper_pictures_are_fused_in_full_precision(dtype, model, isa):
    under, over = pictures()["noise"]
    if dtype == np.uint16:
        under, over = under.astype(dtype) * 257, over.astype(dtype) * 257
    else:
        under, over = under.astype(dtype) / 255, over.astype(dtype) / 255
    np.testing.assert_array_equal(Fuser(model, isa=isa)(under, over), Fuser(model, isa="avx512")(under, over))


@pytest.mark.parametrize("isa", REDUCED)
@pytest.mark.parametrize("model", shipped_models())
def test_a_picture_may_be_fused_into_itself(model, isa):
    under, over = (np.ascontiguousarray(picture[:77, :523]) for picture in pictures()["ramp"])
    fuser = Fuser(model, isa=isa)
    apart = fuser(under, over)
    fuser(under, over, under)
    np.testing.assert_array_equal(under, apart)
