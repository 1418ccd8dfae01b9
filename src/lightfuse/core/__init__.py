"""The compiled core: everything that touches every pixel."""

from lightfuse.core._core import (
    ContextModel,
    PaperModel,
    align_frames,
    fill_border,
    instruction_sets,
    measure,
    reduce,
    warp,
)

__all__ = ["ContextModel", "PaperModel", "align_frames", "fill_border", "instruction_sets", "measure", "reduce", "warp"]
