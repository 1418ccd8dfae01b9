"""The demonstration: the sample pair that ships with LightFuse, fused, and laid side by side with the result."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightfuse.errors import OutputError
from lightfuse.fuser import Fuser
from lightfuse.images import check_output, read_picture, write_picture
from lightfuse.options import FuseOptions
from lightfuse.pipeline import FuseReport, fuse_files
from lightfuse.sample import sample_file
from lightfuse.system import write_atomically

_GAP = 16  # pixels between the pictures of the sheet


@dataclass(frozen=True)
class Demo:
    """The files of the demonstration: the side-by-side sheet and the report of the fused picture."""

    sheet: Path
    report: FuseReport


def make_demo(folder: Path, fuser: Fuser, *, overwrite: bool = False) -> Demo:
    """Write under.jpg, over.jpg, fused.jpg and side-by-side.jpg to ``folder``.

    Raises:
        OutputError: before any work, the folder cannot be written or holds one of the four and ``overwrite`` is false.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {str(folder)!r}: {error.strerror}") from None
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
    return Demo(sheet, report)
