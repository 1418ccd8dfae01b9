"""Baselines that results are compared with: OpenCV's Mertens, the plain average, and enfuse where it is installed."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lightfuse.errors import LightFuseError, PictureError
from lightfuse.metrics.pictures import Floats, Picture, as_unit


def mertens(exposures: Sequence[Picture]) -> Floats:
    """Fuse with OpenCV's MergeMertens (Mertens, Kautz, Van Reeth, "Exposure Fusion", 2007) at its default weights.

    The exposures are RGB, H×W×3, uint8, uint16 or float in [0, 1], of one size; the result is clipped to [0, 1].
    Raises PictureError for anything else.
    """
    import cv2

    # MergeMertens divides every dtype by 255, so that it needs levels up to 255.
    levels = [picture * np.float32(255) for picture in _checked(exposures)]
    fused: Floats = cv2.createMergeMertens().process(levels)
    return np.clip(fused, 0, 1)


def average(exposures: Sequence[Picture]) -> Floats:
    """Fuse by the plain mean of the exposures; pictures and errors as in `mertens`."""
    pictures = _checked(exposures)
    total = pictures[0].copy()
    for picture in pictures[1:]:
        total += picture
    return total / np.float32(len(pictures))


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
            _write_sixteen_bits(path, picture)
        fused = Path(folder, "fused.tif")
        run = subprocess.run(
            [program, f"--output={fused}", *map(str, inputs)], capture_output=True, text=True, check=False, cwd=folder
        )
        if run.returncode != 0 or not fused.exists():
            last_line = (run.stderr.strip().splitlines() or ["no message"])[-1]
            raise LightFuseError(f"enfuse failed (exit code {run.returncode}): {last_line}")
        return _read_unit(fused)


def _checked(exposures: Sequence[Picture]) -> list[Floats]:
    if len(exposures) < 2:
        raise PictureError(f"Fusing needs two or more exposures, but got {len(exposures)}.")
    pictures = [as_unit(exposure, f"exposure {number}") for number, exposure in enumerate(exposures, start=1)]
    sizes = sorted({f"{picture.shape[1]}×{picture.shape[0]}" for picture in pictures})
    if len(sizes) > 1:
        raise PictureError(f"The exposures differ in size ({', '.join(sizes)}): align or resize them first.")
    return pictures


def _write_sixteen_bits(path: Path, picture: Floats) -> None:
    import cv2

    blue_first = np.floor(picture[..., ::-1] * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
    if not cv2.imwrite(str(path), blue_first):
        raise LightFuseError(f"{path}: the exposure could not be written for enfuse; is the temporary folder full?")


def _read_unit(path: Path) -> Floats:
    import cv2

    blue_first = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if blue_first is None:
        raise LightFuseError(f"{path}: the output of enfuse cannot be read.")
    return as_unit(blue_first[..., ::-1], "picture from enfuse")
