"""HEIC pixels, decoded by the extra `heif` (pillow-heif)."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.container import UnreadableError


def decode_heic(data: bytes) -> NDArray[Any]:
    """Decode a HEIC's picture: H×W×3 or 4, upright; uint8, or uint16 over its full range for 10 and 12 bits.

    Raises:
        UnreadableError: the extra is not installed.
        Exception: whatever the decoder meets broken data with.
    """
    try:
        import pillow_heif
    except ImportError:
        raise UnreadableError("is a HEIC, which needs an extra: pip install 'lightfuse[heif]'") from None
    picture = pillow_heif.open_heif(BytesIO(data), convert_hdr_to_8bit=False)
    return np.asarray(picture)
