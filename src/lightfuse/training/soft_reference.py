"""Substitutes for missing references, computed from the whole bracket: soft references and the best colours."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import luma
from lightfuse.evaluation.baselines import mertens
from lightfuse.metrics.pictures import Floats, as_unit

# Compared with Mertens' fusion of the whole bracket, the references of SICE have a more uniform mean, slightly lower
# contrast and higher chroma. Fitted to its training scenes: PSNR 27.8 dB, where Mertens has 25.7.
_MEAN, _MEAN_OF_MERTENS, _KEPT = 0.485, 0.47, 0.5
_CONTRAST = 0.92
_CHROMA_GAIN = 1.1
_GAMMAS = (0.4, 2.5)
_HALVINGS = 20
_WELL_EXPOSED, _EXPOSURE_SPREAD = 0.42, 0.2
_CLIPPING, _DARKNESS = (0.9, 0.985), (0.02, 0.1)  # of a pixel's largest channel
_COLOUR_SCALE = 0.25
_RATIO_FLOOR, _LARGEST_RATIO = 0.02, 3.0  # of lumas; a larger ratio would amplify the noise of black


def soft_reference(exposures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Fuse all exposures of a bracket by Mertens' method and give the result the tone and chroma of references.

    H×W×3 uint8 in and out.
    """
    fused = mertens(exposures)
    grey = luma(fused)
    # Move the mean halfway to that of references by a gamma curve, and lower the contrast.
    mean = _MEAN + _KEPT * (float(grey.mean()) - _MEAN_OF_MERTENS)
    low, high = _GAMMAS
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.mean(grey**middle)) > mean else (low, middle)
    curved = grey ** np.float32((low + high) / 2)
    toned = np.asarray(np.clip(mean + _CONTRAST * (curved - mean), 0, 1), np.float32)
    return with_luma(fused, grey, toned, _CHROMA_GAIN)


def with_luma(picture: Floats, grey: Floats, toned: Floats, chroma_gain: float = 1.0) -> NDArray[np.uint8]:
    """The picture, whose luma is ``grey``, with another luma; its chroma follows."""
    gain = np.float32(chroma_gain) * np.minimum((toned + _RATIO_FLOOR) / (grey + _RATIO_FLOOR), _LARGEST_RATIO)
    coloured = toned[..., None] + gain[..., None] * (picture - grey[..., None])
    rounded: NDArray[np.uint8] = np.round(np.clip(coloured, 0, 1) * 255).astype(np.uint8)
    return rounded


def best_colours(exposures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Estimate each pixel's hue and chroma from the best exposed frames of a bracket, at a luma of about 0.25.

    The mean of RGB over luma of the frames, weighted softly: well exposed ones most, ones with a channel near white or
    all near black least. H×W×3 uint8 in and out, exposures from dark to bright.
    """
    colours = np.zeros(exposures[0].shape, np.float32)
    total = np.zeros(exposures[0].shape[:2], np.float32)
    for number, exposure in enumerate(exposures):
        picture = as_unit(exposure)
        grey, largest = luma(picture), picture.max(axis=2)
        unclipped = np.clip((_CLIPPING[1] - largest) / (_CLIPPING[1] - _CLIPPING[0]), 0, 1)
        above_noise = np.clip((largest - _DARKNESS[0]) / (_DARKNESS[1] - _DARKNESS[0]), 0, 1)
        weight = np.exp(-(((grey - _WELL_EXPOSED) / _EXPOSURE_SPREAD) ** 2) / 2) * unclipped * above_noise
        weight += 1e-6 if number == 0 else 1e-9  # Where all are clipped, the darkest decides.
        colours += weight[..., None] * picture / (grey + _RATIO_FLOOR)[..., None]
        total += weight
    colours *= _COLOUR_SCALE / total[..., None]
    return np.round(np.clip(colours, 0, 1) * 255).astype(np.uint8)
