"""Ghosts: what moved between the exposures of a bracket, found and resolved so that one frame speaks."""

from lightfuse.deghost.bracket import DeghostedBracket, deghost_bracket
from lightfuse.deghost.deghost import Deghosted, deghost
from lightfuse.deghost.overlay import ghost_overlay

__all__ = ["Deghosted", "DeghostedBracket", "deghost", "deghost_bracket", "ghost_overlay"]
