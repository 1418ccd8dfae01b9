"""The demonstration: a sample pair photographed from a made-up scene, fused, and laid side by side."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightfuse.errors import OutputError
from lightfuse.fuser import Fuser
from lightfuse.fusing import FuseOptions
from lightfuse.images import check_output, read_picture, write_picture
from lightfuse.pipeline import FuseReport, fuse_files
from lightfuse.products import WriteOptions
from lightfuse.sample import sample_pair

_GAP = 16


@dataclass(frozen=True)
class Demo:
    """What the demonstration left: the side-by-side sheet and the report of the fused picture."""

    sheet: Path
    report: FuseReport


def make_demo(folder: Path, width: int, height: int, seed: int, fuser: Fuser, *, overwrite: bool = False) -> Demo:
    """Write under.jpg, over.jpg, fused.jpg and side-by-side.jpg of the scene of ``seed`` to ``folder``.

    Raises OutputError, before any work, where the folder cannot be written or holds one of the four and ``overwrite``
    is false.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {str(folder)!r}: {error.strerror}") from None
    under, over, fused, sheet = (folder / f"{name}.jpg" for name in ("under", "over", "fused", "side-by-side"))
    for path in (under, over, fused, sheet):
        check_output(path, overwrite=overwrite)
    for path, pixels in zip((under, over), sample_pair(width, height), strict=True):
        write_picture(path, pixels, overwrite=overwrite)
    still = FuseOptions(align="off", deghost="off")  # The camera was on a tripod, and nobody was in.
    report = fuse_files([under, over], fused, fuser, WriteOptions(overwrite=overwrite), still)
    pictures = [read_picture(path).pixels for path in (under, over, fused)]
    gap = np.full((height, _GAP, 3), 255, np.uint8)
    write_picture(sheet, np.hstack([pictures[0], gap, pictures[1], gap, pictures[2]]), overwrite=overwrite)
    return Demo(sheet, report)
