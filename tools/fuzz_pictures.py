"""Read mutated pictures of every format, and write some of them again: nothing but our own errors may come out.

    python -m tools.fuzz_pictures --seconds 3600 --seed 7

Each mutant is written to `--folder` before it is read, so that the file that ended the process is the one left there.
"""

import argparse
import io
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    pages = io.BytesIO()
    tifffile.imwrite(pages, frames, photometric="rgb")
    files["pages .tif"] = pages.getvalue()
    return files


def mutants(files: dict[str, bytes], seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield what a file was and a mutant of it, without end; the same for the same seed."""
    draw = random.Random(seed)
    names = sorted(files)
    while True:
        name = draw.choice(names)
        data = bytearray(files[name])
        for _ in range(draw.choice((1, 1, 2, 3, 8))):
            if data:
                _mutate(data, files[draw.choice(names)], draw)
        yield name, bytes(data)


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


def try_picture(data: bytes, suffix: str) -> bool:
    """Probe and read a file and write its picture in another format; False where either is refused in a sentence."""
    try:
        probe_picture(data)
        picture = read_picture(data, max_pixels=_MAX_PIXELS)
        encode_picture(picture.pixels, suffix, with_software(picture.metadata, "LightFuse"))
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


def main() -> None:
    """Fuzz for some seconds and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    suffixes = sorted({".jpg", ".png", ".tif", ".webp", ".jxl"})
    current = options.folder / f"mutant-{options.seed}"
    started, slowest, whole = time.monotonic(), (0.0, ""), 0
    for number, (name, data) in enumerate(mutants(seed_files(), options.seed)):
        before = time.monotonic()
        if before - started > options.seconds:
            break
        current.write_bytes(data)
        whole += try_picture(data, suffixes[number % len(suffixes)])
        slowest = max(slowest, (time.monotonic() - before, name))
    current.unlink(missing_ok=True)
    print(f"{number:,} mutants, {whole:,} of them read and written; the slowest took {slowest[0]:.2f} s ({slowest[1]})")


if __name__ == "__main__":
    main()
