"""Fuses two videos of one scene, a dark and a bright one, or one video whose exposures alternate, into a new video.

    python examples/fuse-video.py dark.mp4 bright.mp4 -o fused.mp4
    python examples/fuse-video.py alternating.mp4 -o fused.mp4

Of an alternating video each frame is fused with the next, so the result keeps the frame rate and is one frame shorter;
what moves between two frames shows twice. Sound is left out. Needs PyAV: pip install 'lightfuse[video]'.
"""

import argparse
import itertools
import sys
import time
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from lightfuse import Fuser, LightFuseError, OutputError, PictureError

Picture = NDArray[np.uint8]
# Without these the colours come out about a level too dark.
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_HD_HEIGHT = 720  # Untagged video below this height is taken to be BT.601, from there on BT.709, as players do.


class Source:
    """A video's frames as RGB pictures, with the moments they are shown at in seconds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._container = av.open(str(path))
        except (av.FFmpegError, OSError) as error:
            raise PictureError(f"{path} cannot be opened as a video: {error.strerror}") from None
        if not self._container.streams.video:
            raise PictureError(f"{path} holds no video; give one that does")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.rate: Fraction = self._stream.average_rate or Fraction(25)
        self.moments: deque[float] = deque(maxlen=4)  # More than fusing ever lags behind reading.

    def frames(self) -> Iterator[Picture]:
        """The frames, in order; the moment of each joins `moments` as it is read."""
        try:
            for number, frame in enumerate(self._container.decode(self._stream)):
                self.moments.append(float(number / self.rate) if frame.time is None else frame.time)
                yield _as_rgb(frame)
        except av.FFmpegError as error:
            raise PictureError(f"{self.path} is damaged: {error.strerror}") from None

    def close(self) -> None:
        """Let the file go."""
        self._container.close()


class Sink:
    """A video being written under a temporary name: it gets its own when it is complete, or nothing stays."""

    def __init__(self, path: Path, rate: Fraction, crf: int) -> None:
        self._path, self._part = path, path.with_name(f".{path.stem}.part{path.suffix}")
        self._rate, self._crf = rate, crf
        try:
            self._container = av.open(str(self._part), "w")
        except (av.FFmpegError, ValueError, OSError) as error:
            self._part.unlink(missing_ok=True)
            raise OutputError(f"{path} cannot be written: {error}") from None
        self._stream: Any = None
        self._last = -1

    def write(self, picture: Picture, moment: float) -> None:
        """Add a frame that is shown from this moment (in seconds) on."""
        if self._stream is None:
            self._stream = self._new_stream(picture)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
            format=self._stream.pix_fmt,
            interpolation=_EXACT,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.time_base = self._stream.codec_context.time_base
        frame.pts = self._last = max(self._last + 1, round(moment / frame.time_base))
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Complete the file and give it its name."""
        if self._stream is None:
            raise PictureError("there was no pair of frames to fuse; give longer videos")
        self._container.mux(self._stream.encode())
        self._container.close()
        self._part.replace(self._path)

    def abandon(self) -> None:
        """Leave nothing behind; after `finish` this does nothing."""
        self._container.close()
        self._part.unlink(missing_ok=True)

    def _new_stream(self, picture: Picture) -> Any:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream: Any = self._container.add_stream(codec, rate=self._rate)
        stream.height, stream.width = picture.shape[:2]
        # Half colour resolution needs even sides.
        stream.pix_fmt = "yuv420p" if stream.width % 2 == stream.height % 2 == 0 or codec == "mpeg4" else "yuv444p"
        stream.options = {"crf": str(self._crf)} if codec == "libx264" else {"qscale": "3"}
        context = stream.codec_context
        context.time_base = Fraction(1, 90_000)
        # Said in the file, so that players decode with the matrix and range the pictures were coded with.
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries = context.color_trc = 1
        return stream


def fuse_videos(inputs: list[Path], output: Path, fuser: Fuser, crf: int) -> int:
    """Fuse one or two videos into ``output``; returns the number of frames written."""
    sources: list[Source] = []
    sink = None
    try:
        for path in inputs:
            sources.append(Source(path))
        sink = Sink(output, sources[0].rate, crf)
        if len(sources) == 1:
            pairs: Iterator[tuple[Picture, Picture]] = itertools.pairwise(sources[0].frames())
        else:
            pairs = zip(sources[0].frames(), sources[1].frames(), strict=False)  # As long as the shorter one.
        count = 0
        for fused in fuser.stream(pairs):
            sink.write(fused, sources[0].moments.popleft())
            count += 1
            if count % 25 == 0 and sys.stderr.isatty():
                print(f"{count} frames", end="\r", file=sys.stderr, flush=True)
        sink.finish()
        return count
    finally:
        if sink is not None:
            sink.abandon()
        for source in sources:
            source.close()


def main() -> None:
    """Read the command line, fuse, and say what was done."""
    arguments = _arguments()
    inputs, output = arguments.videos, arguments.output
    if len(inputs) > 2:
        raise PictureError(f"give one video or two, not {len(inputs)}")
    if output.exists() and (not arguments.overwrite or any(output.samefile(path) for path in inputs)):
        raise OutputError(f"{output} already exists; give --overwrite to replace it, or another name")
    start = time.perf_counter()
    count = fuse_videos(inputs, output, Fuser(arguments.model, arguments.threads), arguments.crf)
    seconds = time.perf_counter() - start
    print(f"{output}: {count} frames in {seconds:.1f} s, {count / seconds:.1f} a second with decoding and encoding")


def _as_rgb(frame: av.VideoFrame) -> Picture:
    """A decoded frame as RGB, with the matrix it says it was coded with, or the usual one for its height."""
    usual = Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601
    tagged = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 7: Colorspace.SMPTE240M}
    matrix = tagged.get(int(frame.colorspace), usual)
    full = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
    source_range = ColorRange.JPEG if full or frame.format.is_rgb else ColorRange.MPEG
    rgb = frame.reformat(
        format="rgb24",
        interpolation=_EXACT,
        src_colorspace=matrix,
        src_color_range=source_range,
        dst_color_range=ColorRange.JPEG,
    )
    return np.asarray(rgb.to_ndarray(), np.uint8)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuse two videos, or one of alternating exposures, into a new one.")
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO", help="a dark and a bright one, or one")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="OUT", help="the video to write, such as .mp4"
    )
    parser.add_argument("--model", default="base", help="name of a shipped model")
    parser.add_argument("--threads", type=int, help="threads to use (default: every core)")
    parser.add_argument("--crf", type=int, default=18, help="quality of H.264, 0 best to 51 (default: 18)")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except LightFuseError as error:
        print(f"fuse-video: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("fuse-video: interrupted; nothing half-written is left", file=sys.stderr)
        sys.exit(130)
