"""Deghosting: what moved between the exposures of a bracket is found and taken from one of them."""

from lightfuse.deghost.deghost import Deghosted, DeghostedBracket, deghost, deghost_bracket, ghost_overlay

__all__ = ["Deghosted", "DeghostedBracket", "deghost", "deghost_bracket", "ghost_overlay"]
