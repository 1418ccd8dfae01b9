"""The demonstration: the sample pair that ships with LightFuse, fused, and laid side by side with the result."""

from pathlib import Path

import numpy as np

from lightfuse.fuser import Fuser
from lightfuse.images import check_output, read_picture, write_picture
from lightfuse.options import FuseOptions
from lightfuse.pipeline import FuseReport, fuse_files
from lightfuse.sample import sample_file
from lightfuse.system import make_folder, write_atomically

_GAP = 16  # pixels between the pictures of the sheet


def make_demo(folder: Path, fuser: Fuser, *, overwrite: bool = False) -> tuple[Path, FuseReport]:
    """Write under.jpg, over.jpg, fused.jpg and side-by-side.jpg to ``folder``; returns the last and fusing's report.

    Raises OutputError, before any work, where one of them cannot be written, or exists and ``overwrite`` is false.
    """
    make_folder(folder)
    under, over, fused, sheet = (folder / f"{name}.jpg" for name in ("under", "over", "fused", "side-by-side"))
    for path in (under, over, fused, sheet):
        check_output(path, overwrite=overwrite)
    for path in (under, over):
        write_atomically(path, [sample_file(path.stem)], overwrite=overwrite)
    options = FuseOptions(align="off", deghost="off", overwrite=overwrite)  # The exposures show a static scene.
    report = fuse_files([under, over], fused, fuser, options)
    pictures = [read_picture(path).pixels for path in (under, over, fused)]
    gap = np.full((report.height, _GAP, 3), 255, np.uint8)
    write_picture(sheet, np.hstack([pictures[0], gap, pictures[1], gap, pictures[2]]), overwrite=overwrite)
    return sheet, report
