"""Photographs made by code, with the truth behind them known: for the demo, the tests and the benchmarks."""

from lightfuse.samples.bracket import SampleBracket, sample_bracket, sample_pair
from lightfuse.samples.camera import Camera
from lightfuse.samples.charts import ChartPatch, chart_patches
from lightfuse.samples.moving import moving_object
from lightfuse.samples.scene import Scene
from lightfuse.samples.shake import HandShake
from lightfuse.samples.tone import tone_mapped

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
