"""Give the soft references of a prepared data set the tone that trained weights choose by day.

    python -m tools.tone_teacher DATASET WEIGHTS

Soft references are made anew from their brackets first, so that a second call changes nothing.
"""

import argparse
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import luma
from lightfuse.errors import LightFuseError
from lightfuse.fuser import Fuser
from lightfuse.metrics.pictures import as_unit
from lightfuse.system import write_atomically
from lightfuse.training.prepare import load_dataset, open_scene
from lightfuse.training.soft_reference import soft_reference, with_luma

_SIGMA = 48 / 1536  # of the picture's long side; finer detail is not taken from the teacher
_DAYLIGHT = (0.35, 0.5)  # mean luma of the brightest exposure: from night, where the teacher is not used, to day
_LARGEST_CORRECTION = 0.2  # of luma; larger ones are errors of the teacher


def taught_tone(reference: NDArray[np.uint8], pair: tuple[NDArray[np.uint8], ...], teacher: Fuser) -> NDArray[np.uint8]:
    """Replace the low frequencies of a soft reference's luma by those of a teacher's fusion of the extreme pair.

    H×W×3 uint8 in and out. Night scenes are returned unchanged: the teacher was trained on daylight.
    """
    low, high = _DAYLIGHT
    share = min(max((float(luma(as_unit(pair[1])).mean()) - low) / (high - low), 0.0), 1.0)
    if share == 0:
        return reference
    picture = as_unit(reference)
    grey, taught = luma(picture), luma(as_unit(teacher(*pair)))
    sigma = _SIGMA * max(grey.shape)
    correction = cv2.GaussianBlur(taught - grey, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    correction = share * np.clip(correction, -_LARGEST_CORRECTION, _LARGEST_CORRECTION)
    return with_luma(picture, grey, np.clip(grey + correction, 0, 1))


def main() -> None:
    """Write the soft references of every scene again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("weights", type=Path)
    options = parser.parse_args()
    dataset, teacher = load_dataset(options.dataset), Fuser(options.weights)
    for scene in dataset.scenes:
        if not scene.has_reference:
            pictures = np.array(open_scene(dataset, scene))
            exposures = list(pictures[: len(scene.exposures)])
            pictures[-1] = taught_tone(soft_reference(exposures), (exposures[0], exposures[-1]), teacher)
            file = BytesIO()
            np.save(file, pictures)
            write_atomically(dataset.folder / scene.file, [file.getvalue()], overwrite=True)


if __name__ == "__main__":
    try:
        main()
    except LightFuseError as error:
        raise SystemExit(f"tone_teacher: {error}") from None
