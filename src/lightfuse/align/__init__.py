"""Aligning the frames of a hand-held bracket, many stops apart, to a fraction of a pixel."""

from lightfuse.align.bracket import AlignedBracket, align_bracket

__all__ = ["AlignedBracket", "align_bracket"]
