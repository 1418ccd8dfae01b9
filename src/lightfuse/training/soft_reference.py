"""References made from the whole bracket, for scenes that came without one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import luma
from lightfuse.evaluation.baselines import mertens

Floats = NDArray[np.float32]

# What people chose as references is, beside Mertens' fusion of the whole bracket, of more even brightness, a little
# lower in contrast and more colourful. Fitted to SICE's training scenes: 27.8 dB from them, where Mertens is at 25.7.
_MEAN, _MEAN_OF_MERTENS, _KEPT = 0.485, 0.47, 0.5
_CONTRAST = 0.92
_CHROMA_GAIN = np.float32(1.1)
_GAMMAS = (0.4, 2.5)
_HALVINGS = 20
_RATIO_FLOOR, _LARGEST_RATIO = 0.02, 3.0  # of lumas; no more than that is noise of black worth being lifted


def soft_reference(exposures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """All exposures of a bracket fused by Mertens' method, tone and chroma as references have them.

    H×W×3 uint8 in and out.
    """
    fused = mertens(exposures)
    grey = luma(fused)
    toned = _toned(grey)
    gain = _CHROMA_GAIN * np.minimum((toned + _RATIO_FLOOR) / (grey + _RATIO_FLOOR), _LARGEST_RATIO)
    lively = toned[..., None] + gain[..., None] * (fused - grey[..., None])
    return np.round(np.clip(lively, 0, 1) * 255).astype(np.uint8)


def _toned(grey: Floats) -> Floats:
    """Luma with its mean brought halfway to the one usual for references, by a gamma, and contrast lowered."""
    mean = _MEAN + _KEPT * (float(grey.mean()) - _MEAN_OF_MERTENS)
    curved = grey ** np.float32(_gamma_for(grey, mean))
    return np.asarray(np.clip(mean + _CONTRAST * (curved - mean), 0, 1), np.float32)


def _gamma_for(grey: Floats, mean: float) -> float:
    """The exponent, within reason, that gives a picture this mean."""
    low, high = _GAMMAS
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if float(np.mean(grey**middle)) > mean:
            low = middle
        else:
            high = middle
    return (low + high) / 2
