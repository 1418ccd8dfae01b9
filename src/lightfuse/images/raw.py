"""Camera raw files developed by the extra `raw` (rawpy, LibRaw), every frame of a bracket with the same settings."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import PictureError
from lightfuse.images.container import UnreadableError
from lightfuse.images.source import Source, open_source, source_name

_SRGB_CURVE = (2.4, 12.92)


@dataclass(frozen=True, slots=True)
class RawSettings:
    """How raw files are developed; give all frames of a bracket the same.

    Attributes:
        white_balance: the gains of red, green, blue and second green, as `raw_white_balance` tells the base
            exposure's; None is the file's own, so that frames shot with automatic white balance would differ.
    """

    white_balance: tuple[float, float, float, float] | None = None


def raw_white_balance(source: Source) -> tuple[float, float, float, float]:
    """Return the camera's white balance of a raw file, daylight's where the camera wrote none.

    Args:
        source: a path, or a file's bytes.

    Raises:
        PictureError: the file cannot be read, is no raw file, or the extra is not installed.
    """
    try:
        with open_source(source) as stream, _opened(stream) as raw:
            return _white_balance(raw)
    except UnreadableError as error:
        raise PictureError(f"{source_name(source)} {error}") from None


def develop(stream: BinaryIO, settings: RawSettings, max_pixels: int) -> NDArray[np.uint16]:
    """Develop a raw file to upright sRGB, H×W×3 uint16.

    Nothing is decided from the picture itself: no automatic brightness, no white level from its brightest pixel, so
    that exposures stay as many stops apart as they were shot.

    Raises:
        UnreadableError: it is damaged, cut short, of an unknown kind or too large, or the extra is not installed.
    """
    with _opened(stream) as raw:
        import rawpy

        sizes = raw.sizes
        if sizes.width * sizes.height > max_pixels:
            raise UnreadableError(
                f"claims {sizes.width:,} × {sizes.height:,} pixels, more than the {max_pixels:,} allowed; "
                "raise --max-pixels to read it"
            )
        pixels: NDArray[np.uint16] = raw.postprocess(
            user_wb=list(settings.white_balance or _white_balance(raw)),
            output_color=rawpy.ColorSpace.sRGB,
            gamma=_SRGB_CURVE,
            output_bps=16,
            no_auto_bright=True,
            adjust_maximum_thr=0.0,
        )
        return pixels


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[Any]:
    try:
        import rawpy
    except ImportError:
        raise UnreadableError("is a camera raw file, which needs an extra: pip install 'lightfuse[raw]'") from None
    stream.seek(0)
    try:
        with rawpy.imread(stream) as raw:
            yield raw
    except rawpy.LibRawFileUnsupportedError:
        raise UnreadableError(
            "is a camera raw file of an unknown kind, or a TIFF that starts with a preview; "
            "develop it to TIFF or JPEG first"
        ) from None
    except rawpy.LibRawError as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise UnreadableError(f"is damaged or cut short ({' '.join(reason.split())}); copy it again") from None


def _white_balance(raw: Any) -> tuple[float, float, float, float]:
    gains = list(raw.camera_whitebalance)
    if min(gains[:3]) <= 0:
        gains = list(raw.daylight_whitebalance)
    red, green, blue, second = (float(gain) for gain in gains)
    return red, green, blue, second if second > 0 else green
