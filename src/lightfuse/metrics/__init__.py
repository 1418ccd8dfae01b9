"""Measures of a fused picture: PSNR, SSIM, MEF-SSIM and colour, each with its source."""

from lightfuse.metrics.colour import (
    chroma_ratio,
    chroma_ratio_to_inputs,
    delta_e_2000,
    hue_error,
    hue_error_to_inputs,
    mean_delta_e,
    rgb_to_lab,
)
from lightfuse.metrics.mef_ssim import mef_ssim
from lightfuse.metrics.pictures import to_eight_bits
from lightfuse.metrics.psnr_ssim import psnr, ssim

__all__ = [
    "chroma_ratio",
    "chroma_ratio_to_inputs",
    "delta_e_2000",
    "hue_error",
    "hue_error_to_inputs",
    "mean_delta_e",
    "mef_ssim",
    "psnr",
    "rgb_to_lab",
    "ssim",
    "to_eight_bits",
]
