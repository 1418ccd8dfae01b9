"""Losses of the context models: against the measures they stand for, and worked out by hand."""

import numpy as np
import pytest
import torch

from lightfuse.metrics.mef_ssim import mef_ssim
from lightfuse.metrics.psnr_ssim import ssim as measured_ssim
from lightfuse.models.context import luma_of
from lightfuse.training.losses import (
    better_exposed,
    chroma_loss,
    excess_chroma_loss,
    highlight_loss,
    highlights,
    hue_loss,
    mef_ssim_loss,
    saturation_loss,
    ssim,
    tone_loss,
    unknown,
    window_means,
    with_highlight_colours,
    with_highlights,
)
from tools.synthetic import sample_pair


def planes(picture):
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255


def flat(*colour):
    return torch.tensor(colour)[None, :, None, None].expand(1, 3, 8, 8)


@pytest.fixture(scope="module")
def pictures():
    """Under, over, and fused pictures of very different worth."""
    under, over = (picture.astype(np.float64) for picture in sample_pair(240, 160))
    return under, over, [(under + over) / 2, under, over, 0.3 * under + 0.7 * over, 255 - over]


def test_mef_ssim_loss_agrees_with_the_metric(pictures):
    """Within 0.02 though it samples windows sparsely and weighs them otherwise; the order of methods is the same."""
    under, over, results = pictures
    under, over = (np.round(picture).astype(np.uint8) for picture in (under, over))
    found, expected = [], []
    for result in results:
        fused = np.round(result).astype(np.uint8)
        found.append(1 - mef_ssim_loss(planes(under), planes(over), planes(fused)).item())
        expected.append(mef_ssim(fused, [under, over]))
    np.testing.assert_allclose(found[:4], expected[:4], atol=0.02)
    assert np.argsort(found[:4]).tolist() == np.argsort(expected[:4]).tolist()
    assert found[4] < 0.2


def test_mef_ssim_loss_is_finite_on_flat_pictures_and_pulls_the_right_way(pictures):
    under, over, _ = pictures
    fused = (0.2 * planes(under) + 0.8 * planes(over)).requires_grad_()
    mef_ssim_loss(planes(under), planes(over), fused).sum().backward()
    with torch.no_grad():
        better = mef_ssim_loss(planes(under), planes(over), fused - 100 * fused.grad)
        assert better < mef_ssim_loss(planes(under), planes(over), fused)
    grey = torch.full((2, 3, 48, 48), 0.5, requires_grad=True)
    loss = mef_ssim_loss(torch.zeros_like(grey), torch.ones_like(grey), grey)
    loss.sum().backward()
    assert loss.shape == (2,)
    assert torch.isfinite(loss).all()
    assert torch.isfinite(grey.grad).all()


def test_sparse_ssim_agrees_with_the_metric(pictures):
    under, over, _ = pictures
    expected = measured_ssim(under.astype(np.uint8), over.astype(np.uint8))
    a, b = planes(under.astype(np.uint8)), planes(over.astype(np.uint8))
    assert ssim(a, b).item() == pytest.approx(expected, abs=1e-4)
    assert ssim(a, b, stride=2).item() == pytest.approx(expected, abs=0.005)


def test_window_means_with_a_stride():
    x = torch.rand(2, 3, 30, 25)
    every = window_means(x)
    assert every.shape == (2, 3, 20, 15)
    torch.testing.assert_close(window_means(x, 2), every[:, :, ::2, ::2])
    torch.testing.assert_close(window_means(torch.ones_like(x)), torch.ones_like(every))


def test_colour_losses_match_hand_computation():
    red, darker_red, green, grey = flat(0.8, 0.2, 0.2), flat(0.7, 0.1, 0.1), flat(0.2, 0.8, 0.2), flat(0.5, 0.5, 0.5)
    assert chroma_loss(red, darker_red).item() == pytest.approx(0, abs=1e-6)  # luma alone differs
    # Red minus luma: 0.6·(1 − 0.299) against 0; blue minus luma: −0.6·0.299 against 0.
    assert chroma_loss(red, grey).item() == pytest.approx(0.3, abs=1e-6)
    for loss in (hue_loss, saturation_loss):
        assert loss(red, darker_red).item() == pytest.approx(0, abs=1e-6)
    hue, saturation = hue_loss(green, red), saturation_loss(green, red)
    a, b = np.array([-0.3522, -0.3522]), np.array([0.4206, -0.1794])
    sizes = np.sqrt([a @ a + 1e-4, b @ b + 1e-4])
    assert hue.item() == pytest.approx(1 - (a @ b + 1e-4) / np.prod(sizes), abs=1e-5)
    assert saturation.item() == pytest.approx(abs(sizes[0] - sizes[1]), abs=1e-5)
    assert hue_loss(red, grey).item() < 0.1  # grey has no hue to miss
    assert saturation_loss(red, grey).item() > 0.4


def test_highlights_take_the_colours_of_the_bracket_where_over_fades():
    grey, blue = flat(0.6, 0.6, 0.6), flat(0.2, 0.25, 0.35)
    luma, white, middle = torch.full((1, 1, 8, 8), 0.6), flat(1.0, 1.0, 1.0), flat(0.7, 0.7, 0.7)
    coloured = with_highlight_colours(grey, luma, white, blue)
    of_blue = 0.299 * 0.2 + 0.587 * 0.25 + 0.114 * 0.35
    assert coloured[0, 2, 0, 0].item() == pytest.approx(
        0.6 + 0.7 * 0.6 * (0.35 - of_blue) / (of_blue + 0.005), abs=1e-5
    )
    assert luma_of(coloured)[0, 0, 0, 0].item() == pytest.approx(0.6, abs=1e-5)
    assert torch.equal(with_highlight_colours(grey, luma, middle, blue), grey)  # over holds its colours


def test_better_exposed_is_nearer_mid_grey():
    dark, middle, bright = flat(0.1, 0.1, 0.1), flat(0.4, 0.4, 0.4), flat(0.95, 0.95, 0.95)
    assert torch.equal(better_exposed(dark, middle), middle)
    assert torch.equal(better_exposed(middle, bright), middle)


def test_unknown_pixels_are_black_in_under_and_white_in_over():
    black, white, middle = flat(0.02, 0.02, 0.02), flat(1.0, 1.0, 0.95), flat(0.5, 0.5, 0.5)
    assert unknown(black, white).item() == 1
    assert unknown(middle, white).item() == 0
    assert unknown(black, middle).item() == 0
    half = torch.cat([white[..., :4], middle[..., :4]], dim=3)
    assert unknown(black, half).item() == pytest.approx(0.5)


def test_tone_loss_depends_on_brightness_but_not_on_detail():
    grey = torch.full((2, 3, 32, 32), 0.5)
    stripes = grey.clone()
    stripes[..., ::2] += 0.2
    stripes[..., 1::2] -= 0.2
    assert tone_loss(stripes, grey).tolist() == pytest.approx([0, 0], abs=1e-6)
    brighter = grey.clone()
    brighter[1] += 0.1
    assert tone_loss(brighter, grey).tolist() == pytest.approx([0, 0.1], abs=1e-6)
    corner = grey.clone()
    corner[0, :, :16, :16] += 0.4  # one cell of four
    assert tone_loss(corner, grey).tolist() == pytest.approx([0.1, 0], abs=1e-6)


def plane(value):
    return torch.full((1, 3, 16, 16), value)


def held(under, over):
    return highlights(under, over, torch.cat([under, over], dim=1))


def test_highlights_keep_the_contrast_of_under_around_one_mean():
    dark, bright = plane(0.2), plane(0.6)
    dark[..., 8:], bright[..., 8:] = 0.3, 0.7
    for under in (dark, bright):
        mask, wanted = held(under, plane(1.0))
        assert mask.min() == 1
        assert float(wanted.mean()) == pytest.approx(71, abs=1)
        lightness = float(wanted[0, 0, 0, 15] - wanted[0, 0, 0, 0])
        in_under = 116 * (float(under.max()) ** (2.2 / 3) - float(under.min()) ** (2.2 / 3))
        assert lightness == pytest.approx(0.95 * in_under, rel=0.02)


def test_highlight_loss_is_that_of_clipped_parts_alone():
    under, white = plane(0.4), plane(1.0)
    mask, wanted = held(under, white)
    assert highlight_loss(plane(0.95), mask, wanted) > 0.1
    assert highlight_loss(plane(0.675), mask, wanted) < 0.03
    assert highlight_loss(plane(0.1), *held(under, plane(0.8))) == 0  # Nothing is clipped.


def test_reference_takes_the_wanted_lightness_where_over_is_clipped():
    under, over, reference = plane(0.4), plane(1.0), plane(0.95)
    over[..., 8:] = 0.8
    toned = with_highlights(reference, *held(under, over))
    assert torch.equal(toned[..., 8:], reference[..., 8:])
    assert float(toned[..., :8].mean()) == pytest.approx(0.675, abs=0.02)


def test_chroma_counts_only_above_its_limit():
    grey, red = plane(0.5), plane(0.5)
    red[:, 0] = 0.8
    assert excess_chroma_loss(grey, red, 1.1) == 0
    assert excess_chroma_loss(red, red, 1.1) == 0
    assert excess_chroma_loss(red, grey, 1.1) > 1  # Relative to the chroma wanted.
