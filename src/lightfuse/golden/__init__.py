"""Golden pictures: what every shipped model must make of a few made-up pairs, wherever and however it runs."""

from lightfuse.golden.check import Comparison, Fuse, check, compare
from lightfuse.golden.store import GoldenCase, GoldenSet, digest, load_golden
from lightfuse.golden.tolerance import TOLERANCES, Tolerance

__all__ = [
    "TOLERANCES",
    "Comparison",
    "Fuse",
    "GoldenCase",
    "GoldenSet",
    "Tolerance",
    "check",
    "compare",
    "digest",
    "load_golden",
]
