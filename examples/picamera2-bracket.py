"""Shoots a bracket with a Raspberry Pi's camera and fuses it.

    python examples/picamera2-bracket.py fused.jpg
    python examples/picamera2-bracket.py fused.jpg --stops 3 --size 4056x3040

Exposure time alone is changed, by so many stops below and above what the camera chooses; gain and white balance stay.
Needs Raspberry Pi OS's package python3-picamera2.
"""

import argparse
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse import FuseOptions, LightFuseError, MergeLightFuse
from lightfuse.images import write_picture

Picture = NDArray[np.uint8]

SETTLING = 1.0
"""Seconds until automatic exposure and white balance have settled."""
_MOST_FRAMES = 30  # under way with an earlier exposure, at most


def shoot(camera: Any, stops: float) -> tuple[list[Picture], list[float]]:
    """Take two frames, ``stops`` below and above the automatic exposure.

    Args:
        camera: a started ``picamera2.Picamera2`` whose main stream is "RGB888" (blue first in memory, as in OpenCV).
        stops: above 0.

    Returns:
        H×W×3 uint8 pictures, blue first, and their exposure times in seconds.

    Raises:
        LightFuseError: the camera does not reach an exposure time.
    """
    met = camera.capture_metadata()
    camera.set_controls(
        {
            "AeEnable": False,
            "AnalogueGain": met["AnalogueGain"],
            "AwbEnable": False,
            "ColourGains": met["ColourGains"],
        }
    )
    frames, times = [], []
    for factor in (2.0**-stops, 2.0**stops):
        frame, microseconds = _exposed(camera, round(met["ExposureTime"] * factor))
        frames.append(frame)
        times.append(microseconds / 1e6)
    camera.set_controls({"AeEnable": True, "AwbEnable": True})
    return frames, times


def _exposed(camera: Any, microseconds: int) -> tuple[Picture, int]:
    """The first frame with an exposure time; frames already under way still have the one before."""
    camera.set_controls({"ExposureTime": microseconds})
    for _ in range(_MOST_FRAMES):
        request = camera.capture_request()
        try:
            reached = request.get_metadata()["ExposureTime"]
            if abs(reached - microseconds) <= max(100, microseconds // 20):
                return np.array(request.make_array("main")[..., :3]), reached
        finally:
            request.release()
    raise LightFuseError(f"the camera does not expose for {microseconds} µs, only {reached}; give fewer --stops")


def main() -> None:
    """Parse the command line, shoot, fuse and write."""
    parser = argparse.ArgumentParser(description="Shoot a bracket with a Raspberry Pi's camera and fuse it.")
    parser.add_argument("output", help="the picture to write")
    parser.add_argument("--stops", type=float, default=2.0, help="below and above the automatic exposure")
    parser.add_argument("--size", default="2028x1520", help="of the picture, WIDTHxHEIGHT")
    parser.add_argument("--align", action="store_true", help="align the two frames: the camera is held in the hand")
    given = parser.parse_args()
    from picamera2 import Picamera2

    width, _, height = given.size.partition("x")
    with Picamera2() as camera:
        main_stream = {"size": (int(width), int(height)), "format": "RGB888"}
        camera.configure(camera.create_still_configuration(main=main_stream))
        camera.start()
        time.sleep(SETTLING)
        frames, times = shoot(camera, given.stops)
    options = FuseOptions(align="auto" if given.align else "off")
    fused = MergeLightFuse(options=options).process(frames, times)
    write_picture(given.output, fused[..., ::-1], overwrite=True)


if __name__ == "__main__":
    try:
        main()
    except LightFuseError as error:
        sys.exit(f"picamera2-bracket: {error}")
