"""examples/fuse-video.py, on videos made on the spot."""

import itertools
import runpy
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lightfuse.errors import OutputError
from lightfuse.fuser import Fuser

av = pytest.importorskip("av", reason="needs the extra: video")

SCRIPT = Path(__file__).parents[2] / "examples" / "fuse-video.py"
BT709 = 1
EXACT = 4 | 0x2000 | 0x40000  # Bicubic, full chroma, accurate rounding (libswscale's flags).


def write_video(path, frames, rate=25):
    """Lossless in RGB, so that what is read again is known."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="bgr0")))
        container.mux(stream.encode())


def read_video(path):
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        assert {int(frame.colorspace) for frame in frames} == {BT709}
        pictures = [
            frame.reformat(format="rgb24", src_colorspace="ITU709", interpolation=EXACT).to_ndarray()
            for frame in frames
        ]
        return pictures, [frame.time for frame in frames]


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def exposures(pair):
    """Dark and bright frames of a camera that pans over the sample scene."""
    return [[picture[:, start : start + 128] for start in range(0, 40, 8)] for picture in pair]


def check_same(video, expected):
    """The same but for coding, and in no channel brighter or darker: a wrong matrix or range shows there first."""
    differences = np.stack(video).astype(float) - np.stack(expected)
    assert np.abs(differences).mean((1, 2, 3)).max() < 3.5  # Colour at half resolution.
    assert np.abs(differences.mean((0, 1, 2))).max() < 0.3


def test_two_videos_are_fused_frame_by_frame(exposures, tmp_path):
    for name, frames in zip(("dark.mkv", "bright.mkv"), exposures, strict=True):
        write_video(tmp_path / name, frames, rate=Fraction(30000, 1001))
    ended = run(tmp_path / "dark.mkv", tmp_path / "bright.mkv", "-o", tmp_path / "fused.mp4", "--crf", "1")
    assert (ended.returncode, ended.stderr) == (0, "")
    fused, times = read_video(tmp_path / "fused.mp4")
    expected = [Fuser()(dark, bright) for dark, bright in zip(*exposures, strict=True)]
    check_same(fused, expected)
    assert times == pytest.approx([number * 1001 / 30000 for number in range(5)], abs=2e-3)
    assert "5 frames" in ended.stdout


def test_one_video_of_alternating_exposures(exposures, tmp_path):
    frames = [exposures[number % 2][number] for number in range(5)]
    write_video(tmp_path / "alternating.mkv", frames)
    ended = run(tmp_path / "alternating.mkv", "-o", tmp_path / "fused.mkv", "--crf", "1", "--model", "small")
    assert (ended.returncode, ended.stderr) == (0, "")
    fused, _ = read_video(tmp_path / "fused.mkv")
    check_same(fused, [Fuser("small")(*two) for two in itertools.pairwise(frames)])


def test_a_failure_removes_the_unfinished_video(exposures, tmp_path, monkeypatch):
    write_video(tmp_path / "alternating.mkv", exposures[0] * 12)
    script = runpy.run_path(str(SCRIPT))
    write, seen = script["Sink"].write, []

    def failing(sink, picture, moment):
        seen.append(len(list(tmp_path.iterdir())))
        if len(seen) == 59:
            raise OutputError("the disk is full")
        write(sink, picture, moment)

    monkeypatch.setattr(script["Sink"], "write", failing)
    with pytest.raises(OutputError, match="the disk is full"):
        script["fuse_videos"]([tmp_path / "alternating.mkv"], tmp_path / "fused.mp4", Fuser("small"), 18)
    assert seen[-1] == 2  # The temporary file was there.
    assert [path.name for path in tmp_path.iterdir()] == ["alternating.mkv"]


def test_invalid_videos_are_refused_and_nothing_is_left(exposures, tmp_path):
    write_video(tmp_path / "dark.mkv", exposures[0])
    write_video(tmp_path / "small.mkv", [frame[:64] for frame in exposures[1]])
    write_video(tmp_path / "one.mkv", exposures[1][:1])
    (tmp_path / "text.mkv").write_text("Dear reader")
    before = sorted(tmp_path.iterdir())
    for words, told in [
        (["dark.mkv", "small.mkv"], "differ in size"),
        (["dark.mkv", "text.mkv"], "text.mkv cannot be opened as a video"),
        (["dark.mkv", "gone.mkv"], "gone.mkv cannot be opened as a video"),
        (["one.mkv"], "give longer videos"),
        (["dark.mkv", "dark.mkv", "one.mkv"], "give one video or two, not 3"),
    ]:
        ended = run(*(tmp_path / word for word in words), "-o", tmp_path / "fused.mp4")
        assert ended.returncode == 2, ended
        assert told in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
        assert sorted(tmp_path.iterdir()) == before
    ended = run(tmp_path / "dark.mkv", "-o", tmp_path / "dark.mkv", "--overwrite")
    assert "already exists" in ended.stderr
