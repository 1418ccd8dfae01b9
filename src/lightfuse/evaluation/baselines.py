"""Baselines that results are compared with: OpenCV's Mertens, the plain average, and enfuse where it is installed."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lightfuse.errors import LightFuseError, PictureError
from lightfuse.images import read_picture, write_picture
from lightfuse.metrics.pictures import Floats, Picture, as_unit, as_units


def mertens(exposures: Sequence[Picture]) -> Floats:
    """Fuse with OpenCV's MergeMertens (Mertens, Kautz, Van Reeth, "Exposure Fusion", 2007) at its default weights.

    The exposures are RGB, H×W×3, uint8, uint16 or float in [0, 1], of one size; the result is clipped to [0, 1].
    Raises PictureError for anything else.
    """
    import cv2

    # MergeMertens divides every dtype by 255, so that it needs levels up to 255.
    levels = [picture * np.float32(255) for picture in _checked(exposures)]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # Several add the exposures up in whatever order they finish, and round accordingly.
    try:
        fused: Floats = cv2.createMergeMertens().process(levels)
    finally:
        cv2.setNumThreads(threads)
    return np.clip(fused, 0, 1)


def average(exposures: Sequence[Picture]) -> Floats:
    """Fuse by the plain mean of the exposures; pictures and errors as in `mertens`."""
    first, *others = _checked(exposures)
    return sum(others, start=first) / np.float32(1 + len(others))


def enfuse_available() -> bool:
    """Return whether the enfuse program is on the PATH."""
    return shutil.which("enfuse") is not None


def enfuse(exposures: Sequence[Picture]) -> Floats:
    """Fuse with the enfuse program at its default settings, handing it 16-bit TIFF files.

    Pictures and their errors as in `mertens`; raises LightFuseError where enfuse is not installed or fails.
    """
    program = shutil.which("enfuse")
    if program is None:
        raise LightFuseError("enfuse is not on the PATH: install it (Debian: apt install enfuse) or leave it out.")
    pictures = _checked(exposures)
    with tempfile.TemporaryDirectory(prefix="lightfuse-enfuse-") as folder:
        inputs = [Path(folder, f"exposure-{number}.tif") for number in range(len(pictures))]
        for path, picture in zip(inputs, pictures, strict=True):
            write_picture(path, np.floor(picture * np.float32(65535) + np.float32(0.5)).astype(np.uint16))
        fused = Path(folder, "fused.tif")
        command = [program, f"--output={fused}", *map(str, inputs)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        if run.returncode != 0 or not fused.exists():
            last_line = (run.stderr.strip().splitlines() or ["no message"])[-1]
            raise LightFuseError(f"enfuse failed (exit code {run.returncode}): {last_line}")
        return as_unit(read_picture(fused).pixels, "picture from enfuse")


def _checked(exposures: Sequence[Picture]) -> list[Floats]:
    if len(exposures) < 2:
        raise PictureError(f"Fusing needs two or more exposures, but got {len(exposures)}.")
    return as_units(*exposures, names=[f"exposure {number}" for number in range(1, len(exposures) + 1)])
