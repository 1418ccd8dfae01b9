"""Read mutated pictures of every format, fuse and write them again: nothing but our own errors may come out.

    python -m tools.fuzz_pictures --mutants 1000000 --seed 7 --folder fuzz

Every mutant follows from the seed and its number alone. They are read in a forked process that may die: a mutant that
killed it, hung, raised a foreign exception, took over 5 s or 1 GB, or had a decoder write to the terminal is kept in
the folder as `fault-SEED-NUMBER`, and the run goes on after it. The folder also holds the figures so far: the same
command continues a run that was stopped.
"""

import argparse
import io
import json
import mmap
import multiprocessing
import os
import random
import resource
import signal
import struct
import sys
import time
import traceback
import zlib
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse import Fuser
from lightfuse.errors import LightFuseError
from lightfuse.images import (
    SUFFIXES,
    EncodeOptions,
    Metadata,
    encode_picture,
    probe_picture,
    read_picture,
    with_software,
)

_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF)
_HEADER = 600  # Bytes at a file's beginning that half of all mutations hit.
_MAX_PIXELS = 1_000_000
_XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6" hdrgm:V="1">c</rdf:Description></x:xmpmeta>'
_IPTC = b"\x1c\x02\x78\x00\x05Hello"
# The formats that mutants are written in, in turn: JPEG XL, which costs ten times as much, less often.
_WRITTEN = (".jpg", ".png", ".tif", ".webp", ".png", ".jpg", ".tif", ".jxl", ".png", ".webp")
_A_FORK = 20_000  # Mutants that one process reads.
_HANGS = 60.0  # Seconds without a next mutant after which a process is ended.
_SLOW, _LARGE = 5.0, 1 << 30  # Processor seconds that a file may take, and bytes beyond those of the process before it.


def seed_files() -> dict[str, bytes]:
    """Return small sound files by what they are: every format, depth and compression, with metadata, and sequences."""
    import imagecodecs
    import tifffile

    icc = bytes(imagecodecs.cms_profile("adobergb"))
    metadata = with_software(Metadata(icc=icc, xmp=_XMP, iptc=_IPTC), "LightFuse")
    files = {}
    for suffix in dict.fromkeys(SUFFIXES):
        for dtype in (np.uint8, np.uint16, np.float32):
            lossless = suffix in (".webp", ".jxl") and dtype != np.uint8
            options = EncodeOptions(lossless=lossless)
            files[f"{suffix} {np.dtype(dtype)}"] = encode_picture(_ramps(dtype), suffix, metadata, options)
    for compression in ("lzw", "deflate", "zstd"):
        files[f".tif {compression}"] = encode_picture(_ramps(), ".tif", None, EncodeOptions(compression=compression))
    frames = np.stack([_ramps(), 255 - _ramps()])
    files["sequence .avif"] = bytes(imagecodecs.avif_encode(frames, level=90))
    files["animation .jxl"] = bytes(imagecodecs.jpegxl_encode(frames, photometric="rgb"))
    files["animation .png"] = bytes(imagecodecs.apng_encode(frames, photometric=imagecodecs.APNG.COLOR_TYPE.RGB))

    def tiff(name: str, pixels: NDArray[Any], **options: Any) -> None:
        stream = io.BytesIO()
        tifffile.imwrite(stream, pixels, **{"photometric": "rgb", "metadata": None} | options)
        files[f"{name} .tif"] = stream.getvalue()

    grey = _ramps()[..., 0]
    tiff("pages", frames)
    tiff("tiled", _ramps(np.uint16), tile=(16, 16))
    tiff("big", _ramps(), bigtiff=True, byteorder=">")
    tiff("planar", np.moveaxis(_ramps(), 2, 0), planarconfig="separate")
    tiff("grey", grey, photometric="minisblack", predictor=True, compression="deflate")
    tiff("bits", grey > 100, photometric="miniswhite")
    tiff("palette", grey // 16, photometric="palette", colormap=np.zeros((3, 256), np.uint16))
    tiff("cmyk", np.dstack([_ramps(), grey]), photometric="separated")
    tiff("jpeg", _ramps(), compression="jpeg", photometric="ycbcr")
    tiff("float16", _ramps(np.float32).astype(np.float16))
    files |= _files_of_other_writers(frames)
    return _distinct(files)


def _files_of_other_writers(frames: NDArray[Any]) -> dict[str, bytes]:
    """Kinds of files that LightFuse does not write: by Pillow, libheif and the tests' builder of digital negatives."""
    import pillow_heif
    from PIL import Image

    from tests.builders.dng import dng_bytes

    pictures = [Image.fromarray(frame) for frame in frames]
    first, files = pictures[0], {}

    def save(name: str, picture: Image.Image, kind: str, **options: Any) -> None:
        stream = io.BytesIO()
        picture.save(stream, kind, **options)
        files[name] = stream.getvalue()

    save("progressive .jpg", first, "JPEG", progressive=True)
    save("cmyk .jpg", first.convert("CMYK"), "JPEG")
    save("grey .jpg", first.convert("L"), "JPEG")
    save("several .jpg", first, "MPO", save_all=True, append_images=pictures[1:])
    save("palette .png", first.convert("P"), "PNG", transparency=0)
    save("bits .png", first.convert("1"), "PNG")
    save("alpha .png", first.convert("RGBA"), "PNG")
    save("animation .webp", first, "WEBP", save_all=True, append_images=pictures[1:])
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    for name, stored in ((".heic", pictures[:1]), ("several .heic", pictures)):
        file = pillow_heif.HeifFile()  # type: ignore[no-untyped-call]
        for picture in stored:
            file.add_from_pillow(picture)
        stream = io.BytesIO()
        file.save(stream, exif=exif.tobytes(), save_all=True)
        files[name] = stream.getvalue()
    light = np.linspace(0, 1, 24 * 32).reshape(24, 32)
    files["negative .tif"] = dng_bytes(light, orientation=6)
    return files


def _distinct(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files in the order of their names, without those that equal another."""
    first = {data: name for name, data in sorted(files.items(), reverse=True)}
    return {name: data for data, name in sorted(first.items(), key=lambda item: item[1])}


def mutant(files: dict[str, bytes], seed: int, number: int) -> tuple[str, bytes]:
    """Return what a file was, and a mutant of it; the same for the same seed and number."""
    draw = random.Random(f"{seed} {number}")
    names = list(files)
    name = draw.choice(names)
    data = bytearray(files[name])
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        if data:
            _mutate(data, files[draw.choice(names)], draw)
    if name.endswith(".png") and draw.random() < 0.75:
        _mend_checksums(data)
    return name, bytes(data)


def _mutate(data: bytearray, other: bytes, draw: random.Random) -> None:
    at = draw.randrange(len(data) if draw.random() < 0.5 else min(len(data), _HEADER))
    kind = draw.randrange(7)
    if kind == 0:
        data[at] ^= 1 << draw.randrange(8)
    elif kind == 1:
        data[at] = draw.randrange(256)
    elif kind == 2:
        size = draw.choice((1, 2, 4))
        value = draw.choice(_EDGES) & ((1 << 8 * size) - 1)
        data[at : at + size] = value.to_bytes(size, draw.choice(("little", "big")))
    elif kind == 3:
        del data[at : at + draw.choice((1, 2, 4, 16, 100))]
    elif kind == 4:
        data[at:at] = data[at : at + draw.choice((1, 4, 12, 64))]
    elif kind == 5:
        del data[at + 1 :]
    else:
        start = draw.randrange(len(other))
        data[at : at + 32] = other[start : start + 32]


def _mend_checksums(data: bytearray) -> None:
    """Make the checksums of a PNG's chunks right, so that more than its reader of checksums is tried."""
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            return
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[at + 4 : end]))
        at = end + 4


@cache
def _fuser() -> Fuser:
    return Fuser("paper", threads=1)  # The only model that costs next to nothing on a tiny picture.


def try_picture(data: bytes, suffix: str) -> bool:
    """Probe and read a file, fuse it and write the result; False where the file is refused in a sentence."""
    try:
        probe_picture(data)
        picture = read_picture(data, max_pixels=_MAX_PIXELS)
        pixels = picture.pixels
        if pixels.dtype == np.float32:
            pixels = np.clip(np.nan_to_num(pixels), 0, 1)
        fused = _fuser()(pixels, np.ascontiguousarray(pixels[::-1]))
        encode_picture(fused, suffix, with_software(picture.metadata, "LightFuse"))
    except LightFuseError as error:
        if not str(error).isprintable():
            raise AssertionError(f"a sentence that cannot be printed: {str(error)!r}") from error
        return False
    return True


def _ramps(dtype: type[np.generic] = np.uint8) -> NDArray[Any]:
    y, x = np.mgrid[0:1:12j, 0:1:16j]
    unit = np.stack([x, y, (1 - x) * (1 - y)], axis=2)
    scaled = unit if np.dtype(dtype).kind == "f" else np.rint(unit * np.iinfo(np.dtype(dtype)).max)
    return scaled.astype(dtype)


# ---- A run in processes that may die ---------------------------------------------------------------------------------


@dataclass
class Figures:
    """What a run has done so far."""

    seed: int
    tried: int = 0
    whole: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    slowest_kind: str = ""
    largest_growth: int = 0
    faults: list[str] = field(default_factory=list)


class Run:
    """Mutants of a seed, read by one forked process after the other, and their figures in a folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Continue the run whose figures are in the folder, or begin one."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._file = folder, folder / f"figures-{seed}.json"
        self.figures = Figures(**json.loads(self._file.read_text())) if self._file.exists() else Figures(seed)
        self._files = self._seeds()
        # Written by the process that reads, so that the one that waits knows what it was at when it died.
        self._shared = mmap.mmap(-1, 4096)

    @staticmethod
    def _seeds() -> dict[str, bytes]:
        """The seed files, made in another process: encoders start threads, and threads do not survive a fork."""
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
            return elsewhere.submit(seed_files).result()

    def until(self, mutants: int) -> Figures:
        """Go on until so many mutants were tried in all."""
        figures = self.figures
        while figures.tried < mutants:
            start, began = figures.tried, time.monotonic()
            self._put(start, 0, 0.0, -1, 0)
            pid = os.fork()
            if pid == 0:
                self._read(start, min(mutants, start + _A_FORK))
            fault = self._wait(pid)
            number, whole, slowest, slowest_number, growth = self._got()
            if fault:
                self._keep(number, fault)
                number += 1
            figures.tried, figures.whole = number, figures.whole + whole
            figures.seconds += time.monotonic() - began
            figures.largest_growth = max(figures.largest_growth, growth)
            if slowest > figures.slowest:
                figures.slowest, figures.slowest_kind = slowest, mutant(self._files, figures.seed, slowest_number)[0]
            figures.faults = [path.stem for path in sorted(self._folder.glob(f"fault-{figures.seed}-*.txt"))]
            self._save()
        return figures

    def _read(self, start: int, end: int) -> None:
        """In the forked process: mutants [start, end); ends the process."""
        terminal = os.open(self._folder, os.O_TMPFILE | os.O_RDWR)  # In its place, so that what is written is noticed.
        os.dup2(terminal, 1)
        os.dup2(terminal, 2)
        whole, slowest, slowest_number, growth = 0, 0.0, start, 0
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(start, end):
            self._put(number, whole, slowest, slowest_number, growth)
            before = time.process_time()
            data = mutant(self._files, self.figures.seed, number)[1]
            try:
                whole += try_picture(data, _WRITTEN[number % len(_WRITTEN)])
            except BaseException:
                self._keep(number, traceback.format_exc())
            took, now = time.process_time() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            if took > slowest:
                slowest, slowest_number = took, number
            grown, largest = 1024 * (now - largest), max(now, largest)
            growth = max(growth, grown)
            if said := os.pread(terminal, 1000, 0):
                self._keep(number, f"written to the terminal: {said!r}")
                os.ftruncate(terminal, 0)
                os.lseek(terminal, 0, os.SEEK_SET)
            if took > _SLOW or grown > _LARGE:
                self._keep(number, f"took {took:.1f} s and {grown / 1e6:.0f} MB")
        self._put(end, whole, slowest, slowest_number, growth)
        os._exit(0)

    def _wait(self, pid: int) -> str:
        """Wait for the process and return how it failed, if it did."""
        last, since = -1, time.monotonic()
        while True:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return "" if code == 0 else f"the process ended with {code}"
            number = self._got()[0]
            if number != last:
                last, since = number, time.monotonic()
            elif time.monotonic() - since > _HANGS:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return f"no end after {_HANGS:.0f} s"
            time.sleep(0.05)

    def _put(self, *values: float) -> None:
        self._shared[:40] = struct.pack("<qqdqq", *values)

    def _got(self) -> tuple[int, int, float, int, int]:
        number, whole, slowest, slowest_number, growth = struct.unpack("<qqdqq", self._shared[:40])
        return number, whole, slowest, slowest_number, growth

    def _keep(self, number: int, fault: str) -> None:
        name, data = mutant(self._files, self.figures.seed, number)
        stem = f"fault-{self.figures.seed}-{number}"
        (self._folder / stem).write_bytes(data)
        (self._folder / f"{stem}.txt").write_text(f"{name}, to {_WRITTEN[number % len(_WRITTEN)]}: {fault}\n")

    def _save(self) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(asdict(self.figures)))
        part.replace(self._file)


def main() -> None:
    """Fuzz until so many mutants were tried, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=10_000, help="in all, those of an earlier run included")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("fuzz"), help="for the figures and the faults")
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}  # Threads cost more than such files do.
    figures = Run(options.folder, options.seed).until(options.mutants)
    print(
        f"{figures.tried:,} mutants in {figures.seconds:,.0f} s, {figures.whole:,} of them fused and written; the "
        f"slowest took {figures.slowest:.2f} s ({figures.slowest_kind}), the largest "
        f"{figures.largest_growth / 1e6:.0f} MB; {len(figures.faults)} faults"
    )
    print(*figures.faults, sep="\n")
    sys.exit(bool(figures.faults))


if __name__ == "__main__":
    main()
