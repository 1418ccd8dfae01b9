"""Mounts and other surrounds that are the same in all exposures: what is found, and that they change nothing inside."""

import cv2
import numpy as np
import pytest

from lightfuse import fuse
from lightfuse.brackets.surround import find_mount

TONES = {
    "nearly black": 8,
    "grey": 128,
    "white paper": (250, 246, 240),
    "cardboard": (196, 170, 128),
}


def scene(stops, height=200, width=300):
    """A dim room with a bright window, exposed by so many stops."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radiance = 0.05 + 0.04 * np.sin(x / 9) * np.sin(y / 7) + 0.1 * x / width
    window = (abs(x - width * 0.6) < width * 0.15) & (abs(y - height * 0.4) < height * 0.2)
    radiance = np.where(window, 1.5 + 0.8 * np.sin(x / 5), radiance)[..., None] * np.array([1, 0.9, 0.75])
    return np.rint(255 * np.clip(radiance * 2.0**stops, 0, 1) ** (1 / 2.2)).astype(np.uint8)


def mounted(picture, tone, border=0.25):
    """A picture in a border, a fraction of the whole wide at each side, and where it is."""
    top, left = (round(side * border / (1 - 2 * border)) for side in picture.shape[:2])
    whole = np.empty((picture.shape[0] + 2 * top, picture.shape[1] + 2 * left, 3), np.uint8)
    whole[:] = tone
    inside = np.s_[top : top + picture.shape[0], left : left + picture.shape[1]]
    whole[inside] = picture
    return whole, inside


def as_type(picture, dtype):
    return {np.uint8: picture, np.uint16: picture * np.uint16(257), np.float32: picture / np.float32(255)}[dtype]


@pytest.mark.parametrize("tone", TONES.values(), ids=TONES)
@pytest.mark.parametrize("model", ["small", "base"])
@pytest.mark.parametrize("border", [0.04, 0.25, 0.4])
def test_a_mount_changes_nothing_inside_and_stays(tone, model, border):
    frames = [scene(-2), scene(2)]
    framed = [mounted(frame, tone, border)[0] for frame in frames]
    inside = mounted(frames[0], 0, border)[1]
    fused = fuse(*framed, model=model)
    assert np.abs(fused[inside].astype(int) - fuse(*frames, model=model)).max() <= 1
    outside = np.ones(fused.shape[:2], bool)
    outside[inside] = False
    assert (fused[outside] == tone).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_mount_is_found_to_the_pixel(dtype):
    framed = [as_type(mounted(scene(stops), 128)[0], dtype) for stops in (-2, 2)]
    expected = np.ones(framed[0].shape[:2], bool)
    expected[mounted(scene(0), 128)[1]] = False
    assert np.array_equal(find_mount(framed), expected)


def test_holes_of_a_film_belong_to_its_rebate():
    framed = [mounted(scene(stops), (205, 120, 60), border=0.15)[0] for stops in (-2, 2)]
    for frame in framed:
        for left in range(20, frame.shape[1] - 30, 60):
            frame[8:24, left : left + 30] = frame[-24:-8, left : left + 30] = 255
    mount = find_mount(framed)
    assert mount[:24].all()
    assert not mount[mounted(scene(0), 0, border=0.15)[1]].any()


@pytest.mark.parametrize("model", ["small", "base"])
def test_a_noisy_surround_changes_hardly_anything_inside(model):
    random = np.random.default_rng(1)
    frames = [scene(-2, 400, 600), scene(2, 400, 600)]
    framed = []
    for frame in frames:
        whole, inside = mounted(frame, 0, border=0.4)
        noise = random.normal(4, 3, whole.shape).clip(0, 60).astype(np.uint8)
        noise[inside] = frame
        framed.append(noise)
    fused = fuse(*framed, model=model)
    assert np.abs(fused[inside].astype(int) - fuse(*frames, model=model)).mean() < 2


@pytest.mark.parametrize(
    "frames",
    [
        [scene(-2), scene(2)],
        [mounted(scene(stops), 0)[0] for stops in (-2, 2)],
        [mounted(scene(stops), 255)[0] for stops in (-2, 2)],
        [mounted(scene(stops), tone)[0] for stops, tone in ((-2, 60), (2, 190))],
        [scene(0)] * 2,
        [np.full((5, 300, 3), 128, np.uint8)] * 2,
    ],
    ids=["none", "black", "white", "another tone in each frame", "the same picture", "a line"],
)
def test_what_is_no_mount(frames):
    assert find_mount(frames) is None


def test_a_tilted_mount_changes_hardly_anything_inside():
    frames = [mounted(scene(stops), 128)[0] for stops in (-2, 2)]
    turn = cv2.getRotationMatrix2D((frames[0].shape[1] / 2, frames[0].shape[0] / 2), 4, 1)
    turned, black = (
        [cv2.warpAffine(frame, turn, frame.shape[1::-1], borderValue=(tone,) * 3) for frame in frames]
        for tone in (128, 0)
    )
    assert np.abs(fuse(*turned).astype(int) - fuse(*black))[60:-60, 90:-90].mean() < 3
