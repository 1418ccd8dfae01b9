"""Photographs made by code, with the truth behind them known: for the demo, the tests and the benchmarks."""

from tools.synthetic.bracket import SampleBracket, sample_bracket, sample_pair
from tools.synthetic.camera import Camera
from tools.synthetic.charts import ChartPatch, chart_patches
from tools.synthetic.moving import moving_object
from tools.synthetic.scene import Scene
from tools.synthetic.shake import HandShake
from tools.synthetic.tone import tone_mapped

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
