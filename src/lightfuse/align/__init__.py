"""Laying the frames of a hand-held bracket on one another, many stops apart, to a small part of a pixel."""

from lightfuse.align.bracket import AlignedBracket, Score, align_bracket

__all__ = ["AlignedBracket", "Score", "align_bracket"]
