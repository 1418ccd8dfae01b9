"""MergeLightFuse: fusing with the calls of OpenCV's MergeMertens, for programs that are written for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.bracket import Frame, make_bracket
from lightfuse.colorspace import full_scale
from lightfuse.errors import PictureError
from lightfuse.fuser import DEFAULT_MODEL, Fuser
from lightfuse.images import ShotInfo
from lightfuse.models import Weights
from lightfuse.options import FuseOptions
from lightfuse.pipeline import fuse_bracket

Array = NDArray[Any]

_AS_THEY_ARE = FuseOptions(align="off", deghost="off")


class MergeLightFuse:
    """Fuses exposures as ``cv2.createMergeMertens()`` does: ``MergeLightFuse().process(frames)``.

    Args:
        model: the name of a shipped model, the path of a weights file, or weights already read.
        threads: how many threads to use; None takes every core.
        options: selection of exposures, look, alignment, deghosting. By default frames are fused where they stand, as
            OpenCV fuses them (it has ``AlignMTB`` for alignment).

    Raises:
        WeightsError: the model is unknown or its file is unusable.
    """

    def __init__(
        self,
        model: str | Path | Weights = DEFAULT_MODEL,
        threads: int | None = None,
        options: FuseOptions = _AS_THEY_ARE,
    ) -> None:
        self._fuser = Fuser(model, threads)
        self._options = options

    def process(
        self, src: Sequence[Array], times: Sequence[float] | Array | None = None, response: Array | None = None
    ) -> NDArray[np.float32]:
        """Fuse two or more exposures of one scene.

        Args:
            src: all H×W×3, blue first as OpenCV reads them, or all grey, H×W; uint8, uint16 or float in [0, 1].
            times: exposure times in seconds, one for each, by which they are ordered; without them brightness tells.
            response: has no effect, as in MergeMertens.

        Returns:
            float32 in [0, 1], of the frames' shape.

        Raises:
            PictureError: the frames differ, are no such pictures, or are not as many as the times.
        """
        given = None if times is None else np.asarray(times, np.float64).ravel()
        if given is not None and (len(given) != len(src) or not (np.isfinite(given) & (given > 0)).all()):
            raise PictureError(f"{len(src)} frames need as many exposure times in seconds, above 0")
        frames = [
            Frame(_rgb(picture), f"frame {i + 1}", shot=ShotInfo(None if given is None else float(given[i])))
            for i, picture in enumerate(src)
        ]
        if any(np.ndim(picture) != np.ndim(src[0]) for picture in src):
            raise PictureError("the frames are partly grey and partly in colour; give all of one kind")
        fused = fuse_bracket(make_bracket(frames), self._fuser, self._options, keep_frames=False).picture
        return np.ascontiguousarray(fused[..., 1] if np.ndim(src[0]) == 2 else fused[..., ::-1])


def _rgb(picture: Array) -> NDArray[np.float32]:
    """A frame of OpenCV's as H×W×3 float32 RGB."""
    grey_or_colour = isinstance(picture, np.ndarray) and (picture.ndim == 2 or picture.shape[2:] == (3,))
    if not grey_or_colour or picture.dtype not in (np.uint8, np.uint16, np.float32, np.float64):
        raise PictureError("a frame must be an array, H×W×3 or H×W, of uint8, uint16 or float in [0, 1]")
    if 0 in picture.shape:
        raise PictureError("a frame is empty")
    colours = picture[..., ::-1] if picture.ndim == 3 else np.repeat(picture[..., np.newaxis], 3, axis=2)
    if picture.dtype.kind == "f":
        return np.ascontiguousarray(colours, np.float32)
    return np.multiply(colours, np.float32(1 / full_scale(picture.dtype)), dtype=np.float32, order="C")
