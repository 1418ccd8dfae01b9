"""Every choice about fusing one bracket and writing the result, in one place."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lightfuse.images.options import EncodeOptions
from lightfuse.looks import Look

if TYPE_CHECKING:
    from lightfuse.fuser import Tone

PathLike = str | os.PathLike[str]
Effort = Literal["auto", "off", "always"]
"""When a step is done: only where it measurably improves the result, never, or wherever it is possible."""
Border = Literal["fill", "crop"]
Exposures = Literal["auto", "extremes"]

STDIO = "-"
"""The path that means standard input or standard output."""
MAX_PIXELS = 500_000_000


@dataclass(frozen=True, kw_only=True)
class FuseOptions:
    """How a bracket becomes one picture, and how that is written; `lightfuse.fuse` looks at the first part only."""

    # How exposures become one picture.
    align: Effort = "auto"  # Warp frames onto the base exposure.
    border: Border = "fill"  # Edges that a warped frame does not cover: filled from the base exposure, or cropped.
    require_one_scene: bool = False  # Refuse frames that show different scenes, instead of a note.
    deghost: Effort = "auto"  # Take one exposure alone where something moved.
    wrap: bool = False  # Left and right edge are neighbours, as in a 360° panorama.
    exposures: Exposures = "auto"  # Those that hold the scene best, or darkest and brightest.
    look: Look = "natural"  # A small tone adjustment after the network.
    strength: float = 1.0  # How much of the look, from 0 to 1.
    tone: "Tone | None" = None  # The selection and the context to use instead of the bracket's own.

    # How files are read and written.
    max_pixels: int = MAX_PIXELS  # Larger inputs are refused.
    white_level: float | None = None  # The inputs' value that is white, if not the largest of their type.
    encode: EncodeOptions = field(default_factory=EncodeOptions)  # Quality, bit depth, compression.
    overwrite: bool = False  # Replace files that exist.
    stdout_suffix: str = ".png"  # The format on standard output.
    strip: bool = False  # Leave out all metadata but the ICC profile.

    # Extra outputs.
    compare: bool = False  # A sheet of the exposures and the result, as NAME-compare.jpg.
    hdr: PathLike | None = None  # An HDR picture: see `lightfuse.hdr.files.write_hdr`.
    stack: PathLike | None = None  # A folder for the frames as fused: aligned, deghosted, 16-bit TIFF.
    debug: PathLike | None = None  # A folder for the motion masks.

    @property
    def needs_frames(self) -> bool:
        """Whether an extra output is made of the frames after fusing."""
        return self.compare or any(extra is not None for extra in (self.hdr, self.stack, self.debug))

    def extra_outputs(self, output: PathLike) -> list[PathLike]:
        """The files written in addition to ``output``; those in folders are not known beforehand."""
        sheet: list[PathLike] = [compare_path(output)] if self.compare else []
        return sheet if self.hdr is None else [*sheet, self.hdr]


DEFAULT_OPTIONS = FuseOptions()


def compare_path(output: PathLike) -> Path:
    """Where the comparison sheet of an output goes."""
    path = Path(output)
    return path.with_name(f"{path.stem}-compare.jpg")


def hdr_path(output: PathLike, suffix: str) -> Path:
    """Where the merged HDR picture of an output goes when its file is not named."""
    path = Path(output)
    return path.with_name(f"{path.stem}-hdr{suffix}")
