"""Measures of a fused picture, the baselines it is compared with, and tables of both."""

from lightfuse.evaluation.baselines import METHODS, average, enfuse, enfuse_available, mertens
from lightfuse.evaluation.tables import ScoreTable
from lightfuse.metrics import (
    chroma_ratio,
    chroma_ratio_to_inputs,
    delta_e_2000,
    hue_error,
    hue_error_to_inputs,
    mean_delta_e,
    mef_ssim,
    psnr,
    rgb_to_lab,
    ssim,
    to_eight_bits,
)

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
