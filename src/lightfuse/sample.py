"""The sample pair that ships with LightFuse: two exposures of a synthetic room, for the demo and the page."""

from importlib import resources
from typing import Any

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray


def sample_file(name: str) -> bytes:
    """A JPEG file of the sample pair: ``under`` or ``over``."""
    return (resources.files("lightfuse.web") / "static" / "sample" / f"{name}.jpg").read_bytes()


def sample_pair(width: int, height: int, *, bits: int = 8) -> tuple[NDArray[Any], NDArray[Any]]:
    """Under and over, H×W×3, uint8 or (``bits=16``) uint16, resized to a size in pixels."""
    under, over = (imagecodecs.jpeg_decode(sample_file(name)) for name in ("under", "over"))
    pair = [cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) for picture in (under, over)]
    if bits == 16:
        pair = [picture.astype(np.uint16) * np.uint16(257) for picture in pair]
    return pair[0], pair[1]
