"""examples/picamera2-bracket.py, against a camera that behaves as picamera2's does."""

import runpy
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from lightfuse import LightFuseError
from lightfuse.images import read_picture

SCRIPT = Path(__file__).parents[2] / "examples" / "picamera2-bracket.py"
METERED = 10_000  # µs
LAG = 3  # frames until a control takes effect


class Request:
    def __init__(self, camera, exposure):
        self.camera, self.exposure, self.released = camera, exposure, False

    def get_metadata(self):
        return {"ExposureTime": self.exposure, "AnalogueGain": 1.5, "ColourGains": (2.0, 1.6)}

    def make_array(self, name):
        assert name == "main"
        assert not self.released
        return self.camera.picture(self.exposure)

    def release(self):
        self.released = True


class FakeCamera:
    """Shows a ramp of light, blue first; a new exposure time takes effect some frames later, rounded to its lines."""

    longest = 1_000_000

    def __init__(self):
        self.controls, self.pending, self.exposure, self.requests = {}, [], METERED, []
        self.size, self.running = (96, 64), False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert all(request.released for request in self.requests)

    def create_still_configuration(self, main):
        assert main["format"] == "RGB888"
        return main

    def configure(self, configuration):
        self.size = configuration["size"]

    def start(self):
        self.running = True

    def set_controls(self, controls):
        self.controls |= controls
        if "ExposureTime" in controls:
            self.pending = [self.exposure] * LAG + [min(controls["ExposureTime"] // 30 * 30, self.longest)]

    def capture_metadata(self):
        return Request(self, self.exposure).get_metadata()

    def capture_request(self):
        assert self.running
        if self.pending:
            self.exposure = self.pending.pop(0)
        self.requests.append(Request(self, self.exposure))
        return self.requests[-1]

    def picture(self, exposure):
        width, height = self.size
        light = np.linspace(0.001, 1, width) * exposure / METERED
        grey = np.clip(light, 0, 1) ** (1 / 2.2) * 255
        return np.rint(grey[None, :, None] * [0.5, 0.8, 1.0] * np.ones((height, 1, 1))).astype(np.uint8)


@pytest.fixture
def example(monkeypatch):
    """Runs the example as a program with a camera in picamera2's place."""
    camera = FakeCamera()
    monkeypatch.setitem(sys.modules, "picamera2", types.SimpleNamespace(Picamera2=lambda: camera))
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        runpy.run_path(str(SCRIPT), run_name="__main__")
        return camera

    return run


def test_a_bracket_is_shot_and_fused(example, tmp_path):
    camera = example(tmp_path / "fused.png", "--size", "120x80")
    fused = read_picture(tmp_path / "fused.png").pixels
    assert fused.shape == (80, 120, 3)
    assert (fused[..., 0].mean(0) >= fused[..., 2].mean(0)).all()  # Reddish, as the camera sees it.
    over = camera.picture(METERED * 4)[..., ::-1]
    assert over.max(axis=-1)[0, 40] == 255
    assert fused[0, 40].max() < 0.98 * 65535  # What the longer exposure has lost comes from the shorter.
    assert (camera.controls["AeEnable"], camera.controls["AwbEnable"]) == (True, True)


def test_frames_have_the_exposures_asked_for():
    shoot = runpy.run_path(str(SCRIPT))["shoot"]
    camera = FakeCamera()
    camera.start()
    frames, times = shoot(camera, 1.0)
    assert times == pytest.approx([0.005, 0.02], rel=0.01)
    for frame, seconds in zip(frames, times, strict=True):
        assert np.array_equal(frame, camera.picture(round(seconds * 1e6)))
    assert camera.controls["AnalogueGain"] == 1.5


def test_an_exposure_that_the_camera_lacks_is_reported():
    shoot = runpy.run_path(str(SCRIPT))["shoot"]
    camera = FakeCamera()
    camera.start()
    camera.longest = 2 * METERED
    with pytest.raises(LightFuseError, match="does not expose for 80000 µs, only 20000; give fewer --stops"):
        shoot(camera, 3.0)


def test_errors_are_one_sentence(example, tmp_path):
    with pytest.raises(SystemExit, match=r"picamera2-bracket: .*there is no folder"):
        example(tmp_path / "nowhere" / "fused.png")
