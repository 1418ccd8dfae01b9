"""References made from the whole bracket, for scenes that came without one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lightfuse.evaluation import mertens
from lightfuse.measures.pictures import luma

_CHROMA_GAIN = np.float32(1.2)  # exposure fusion leaves about this much colour behind


def soft_reference(exposures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """All exposures of a bracket fused by Mertens' method, chroma raised: H×W×3 uint8 in and out."""
    fused = mertens(exposures)
    grey = luma(fused)[..., None]
    lively = grey + _CHROMA_GAIN * (fused - grey)
    return np.round(np.clip(lively, 0, 1) * 255).astype(np.uint8)
