"""Measures of a fused picture, the baselines it is compared with, and tables of both."""

from lightfuse.evaluation.baselines import METHODS, average, enfuse, enfuse_available, mertens
from lightfuse.evaluation.colour import (
    chroma_ratio,
    chroma_ratio_to_inputs,
    delta_e_2000,
    hue_error,
    hue_error_to_inputs,
    mean_delta_e,
    rgb_to_lab,
)
from lightfuse.evaluation.mef_ssim import mef_ssim
from lightfuse.evaluation.pictures import to_eight_bits
from lightfuse.evaluation.psnr_ssim import psnr, ssim
from lightfuse.evaluation.tables import ScoreTable

__all__ = [
    "METHODS",
    "ScoreTable",
    "average",
    "chroma_ratio",
    "chroma_ratio_to_inputs",
    "delta_e_2000",
    "enfuse",
    "enfuse_available",
    "hue_error",
    "hue_error_to_inputs",
    "mean_delta_e",
    "mef_ssim",
    "mertens",
    "psnr",
    "rgb_to_lab",
    "ssim",
    "to_eight_bits",
]
