"""The compiled core: everything that touches every pixel."""

from lightfuse.core._core import PaperModel, instruction_sets, measure

__all__ = ["PaperModel", "instruction_sets", "measure"]
