"""Measures of a fused picture: PSNR, SSIM, MEF-SSIM, colour and tone, each with its source."""
