"""The demonstration: the sample pair that ships with LightFuse, fused, with a comparison sheet."""

from pathlib import Path

from lightfuse.fuser import Fuser
from lightfuse.images import check_output
from lightfuse.options import FuseOptions, compare_path
from lightfuse.pipeline import FuseReport, fuse_files
from lightfuse.sample import sample_file
from lightfuse.system import make_folder, write_atomically


def make_demo(folder: Path, fuser: Fuser, *, overwrite: bool = False) -> tuple[Path, FuseReport]:
    """Write under.jpg, over.jpg, fused.jpg and fused-compare.jpg to ``folder``; returns the last and fusing's report.

    Raises OutputError, before any work, where one of them cannot be written, or exists and ``overwrite`` is false.
    """
    make_folder(folder)
    under, over, fused = (folder / f"{name}.jpg" for name in ("under", "over", "fused"))
    for path in (under, over, fused, compare_path(fused)):
        check_output(path, overwrite=overwrite)
    for path in (under, over):
        write_atomically(path, [sample_file(path.stem)], overwrite=overwrite)
    static = FuseOptions(align="off", deghost="off", compare=True, overwrite=overwrite)  # Nothing moves in the pair.
    return compare_path(fused), fuse_files([under, over], fused, fuser, static)
