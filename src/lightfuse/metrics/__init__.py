"""Measures of a fused picture: PSNR, SSIM, MEF-SSIM, colour and tone, each with its source."""

from lightfuse.metrics.colour import (
    chroma_ratio,
    chroma_ratio_to_inputs,
    delta_e_2000,
    hue_error,
    hue_error_to_inputs,
    lightness,
    mean_delta_e,
    rgb_to_lab,
)
from lightfuse.metrics.mef_ssim import mef_ssim
from lightfuse.metrics.pictures import to_eight_bits
from lightfuse.metrics.psnr_ssim import psnr, psnr_after_gain_and_gamma, ssim
from lightfuse.metrics.tone import border_change, clipped_though_held, highlight_separation, luma_above_inputs

__all__ = [
    "border_change",
    "chroma_ratio",
    "chroma_ratio_to_inputs",
    "clipped_though_held",
    "delta_e_2000",
    "highlight_separation",
    "hue_error",
    "hue_error_to_inputs",
    "lightness",
    "luma_above_inputs",
    "mean_delta_e",
    "mef_ssim",
    "psnr",
    "psnr_after_gain_and_gamma",
    "rgb_to_lab",
    "ssim",
    "to_eight_bits",
]
