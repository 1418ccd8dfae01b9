"""Photographs made by code, with the truth behind them known: for the demo, the tests and the benchmarks."""

from tools.synthetic.camera import Camera, HandShake, SampleBracket, sample_bracket, sample_pair, tone_mapped
from tools.synthetic.furniture import ChartPatch, chart_patches
from tools.synthetic.scene import Scene, moving_object

__all__ = [
    "Camera",
    "ChartPatch",
    "HandShake",
    "SampleBracket",
    "Scene",
    "chart_patches",
    "moving_object",
    "sample_bracket",
    "sample_pair",
    "tone_mapped",
]
