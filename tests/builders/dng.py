"""Makes digital negatives: uncompressed Bayer values with the tags that developing needs (DNG 1.4)."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

BLACK, WHITE = 512, 16_383
XYZ_TO_SRGB = (3.2404542, -1.5371385, -0.4985314, -0.9692660, 1.8760108, 0.0415560, 0.0556434, -0.2040259, 1.0572252)


def dng_bytes(
    light: NDArray[Any],
    neutral: tuple[float, float, float] = (0.5, 1.0, 0.625),
    orientation: int = 1,
    tags: Sequence[tuple[Any, ...]] = (),
) -> bytes:
    """Return the DNG of grey light (H×W, 0 to 1) seen by a camera to which grey looks like `neutral`."""
    response = np.empty(light.shape)
    response[0::2, 0::2], response[1::2, 1::2] = neutral[0], neutral[2]
    response[0::2, 1::2] = response[1::2, 0::2] = neutral[1]
    sensor = np.rint(BLACK + light * response * (WHITE - BLACK)).astype(np.uint16)

    def fractions(values: Sequence[float]) -> list[int]:
        return [number for value in values for number in (round(value * 10_000), 10_000)]

    stream = io.BytesIO()
    tifffile.imwrite(
        stream,
        sensor,
        photometric=32803,
        metadata=None,
        extratags=[
            (274, "H", 1, orientation, True),
            (271, "s", 0, "Maker", True),
            (33421, "H", 2, (2, 2), True),
            (33422, "B", 4, b"\0\1\1\2", True),
            (50706, "B", 4, b"\1\4\0\0", True),
            (50707, "B", 4, b"\1\1\0\0", True),
            (50708, "s", 0, "Maker Model", True),
            (50714, "H", 1, BLACK, True),
            (50717, "I", 1, WHITE, True),
            (50721, "2i", 9, fractions(XYZ_TO_SRGB), True),
            (50728, "2I", 3, fractions(neutral), True),
            (50778, "H", 1, 21, True),
            *tags,
        ],
    )
    return stream.getvalue()
