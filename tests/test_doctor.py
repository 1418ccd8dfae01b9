"""The diagnosis: true of this machine, and not ok with a core that fuses wrongly."""

import dataclasses
import importlib.metadata

import numpy as np
import pytest

from lightfuse import core, doctor, golden
from lightfuse.errors import LightFuseError
from lightfuse.fuser import Fuser
from lightfuse.models import shipped_models
from lightfuse.system import usable_cores


@pytest.fixture(scope="module")
def found():
    return doctor.diagnose()


def test_working_installation_is_ok(found):
    assert found.ok
    assert [(test.model, test.instruction_set) for test in found.self_tests] == [
        (model, isa) for model in shipped_models() for isa in core.instruction_sets()
    ]
    assert all(0 <= test.deviation <= 1 for test in found.self_tests)


def test_without_a_self_test_it_is_not_ok(found):
    assert not dataclasses.replace(found, self_tests=()).ok


def test_versions_and_system_are_those_of_this_machine(found):
    assert found.versions["numpy"] == np.__version__
    assert found.versions["lightfuse"] == importlib.metadata.version("lightfuse")
    assert found.system["cores"].endswith(f", {usable_cores()} usable")
    assert list(found.instruction_sets) == core.instruction_sets()
    assert found.system["platform"]


def test_packages_are_listed_by_extras(found, monkeypatch):
    assert found.extras["train"]["torch"] == importlib.metadata.version("torch")
    assert "dev" not in found.extras
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: ["numpy>=1", 'no-such-thing[x]>=2; extra == "raw"'])
    bare = doctor.diagnose()
    assert bare.extras == {"raw": {"no-such-thing": None}}
    assert list(bare.versions) == ["lightfuse", "python", "numpy"]


def test_diagnosis_holds_no_paths(found):
    told = repr(dataclasses.asdict(found))
    for private in (str(doctor.Path.home()), str(doctor.Path(doctor.__file__).parent)):
        assert private not in told


def test_core_with_one_wrong_value_is_not_ok(monkeypatch):
    fuse = Fuser.__call__

    def wrong(self, under, over, out=None):
        fused = fuse(self, under, over, out)
        if self.weights.model == "small" and self.isa == core.instruction_sets()[0] and fused.shape[:2] == (23, 37):
            fused[20, 30, 1] ^= fused.dtype.type(8) if fused.dtype != np.float32 else 0
        return fused

    def wrong_integers(self, under, over, out=None):
        return wrong(self, under, over, out) if under.dtype != np.float32 else fuse(self, under, over, out)

    monkeypatch.setattr(Fuser, "__call__", wrong_integers)
    found = doctor.diagnose()
    assert not found.ok
    (failed,) = [test for test in found.self_tests if test.failure]
    assert (failed.model, failed.instruction_set) == ("small", core.instruction_sets()[0])
    assert failed.failure.startswith("the result of odd in uint8 is off by 8")
    assert failed.deviation == 16  # Of what has to be the same to the bit, a level counts as two.


def test_other_weights_are_not_ok(monkeypatch):
    monkeypatch.setattr(golden, "digest", lambda weights: "other")
    assert {test.failure for test in doctor.diagnose().self_tests} == {
        "its weights are not those that the golden results were made with"
    }


def test_unreadable_golden_pictures_are_reported(monkeypatch):
    def unreadable():
        raise LightFuseError("the golden pictures cannot be read")

    monkeypatch.setattr(golden, "load_golden", unreadable)
    found = doctor.diagnose()
    assert not found.ok
    assert found.self_tests[0].failure == "the golden pictures cannot be read"


def test_core_that_cannot_be_loaded_is_reported(monkeypatch):
    import sys

    monkeypatch.delattr("lightfuse.core")
    monkeypatch.setitem(sys.modules, "lightfuse.core", None)
    found = doctor.diagnose()
    assert not found.ok
    assert found.instruction_sets == ()
    assert found.self_tests[0].failure.startswith("the compiled core cannot be loaded: ")
