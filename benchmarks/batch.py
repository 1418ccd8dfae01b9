"""Memory over time and speed of ``lightfuse batch``: python -m benchmarks.batch [--brackets 1000] [--megapixels 2].

The brackets are hard links to the exposures of a few synthetic scenes, so that a thousand are made in a second. The
program runs in a process of its own, whose resident size is read while it works. Words behind ``--`` are handed to it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lightfuse.batch.manifest import MANIFEST_NAME
from lightfuse.images import write_picture
from tools.synthetic import sample_bracket

_SCENES = 4
_INTERVAL = 0.2
_PAGE = os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Make the brackets, fuse them, print the table."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="lightfuse-batch-") as place:
        folder, out = Path(place, "in"), Path(place, "out")
        width, height = make_brackets(folder, arguments.brackets, arguments.megapixels)
        command = [sys.executable, "-m", "lightfuse", "batch", str(folder), "-o", str(out), *arguments.more]
        start = time.monotonic()
        samples = watch(command, out / MANIFEST_NAME)
        seconds = time.monotonic() - start
    megapixels = arguments.brackets * width * height / 1e6
    print(f"{arguments.brackets} brackets of two {width}×{height} JPEGs, options: {' '.join(arguments.more) or 'none'}")
    print("| brackets done | resident, MB (median) | most, MB |\n| --- | --- | --- |")
    tenth = max(1, arguments.brackets // 10)
    for low in range(0, arguments.brackets, tenth):
        sizes = [size / 1e6 for done, size in samples if low <= done < low + tenth]
        if sizes:
            print(f"| {low} to {low + tenth} | {statistics.median(sizes):.0f} | {max(sizes):.0f} |")
    print(f"\n{seconds:.1f} s, {arguments.brackets / seconds:.2f} brackets/s, {megapixels / seconds:.1f} megapixels/s")


def make_brackets(folder: Path, count: int, megapixels: float) -> tuple[int, int]:
    """Fill ``folder`` with ``count`` folders of two exposures; returns their width and height in pixels."""
    width = round((megapixels * 1e6 * 1.5) ** 0.5 / 8) * 8
    height = round(width / 1.5 / 8) * 8
    sources = folder.with_name("sources")
    sources.mkdir()
    for seed in range(_SCENES):
        for name, picture in zip(("under", "over"), sample_bracket(width, height, seed=seed).pictures, strict=True):
            write_picture(sources / f"{seed}-{name}.jpg", picture)
    for i in range(count):
        (folder / f"{i:05d}").mkdir(parents=True)
        for name in ("under", "over"):
            os.link(sources / f"{i % _SCENES}-{name}.jpg", folder / f"{i:05d}" / f"{name}.jpg")
    return width, height


def watch(command: list[str], manifest: Path) -> list[tuple[int, int]]:
    """Run a command to its end; how many brackets were done and its resident bytes, again and again."""
    samples = []
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            try:
                pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
                done = manifest.read_bytes().count(b"\n") if manifest.exists() else 0
            except (OSError, IndexError):  # It has just ended.
                break
            samples.append((done, pages * _PAGE))
            time.sleep(_INTERVAL)
    if process.returncode:
        raise SystemExit(process.returncode)
    return samples


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Memory over time and speed of lightfuse batch.")
    parser.add_argument("--brackets", type=int, default=1000)
    parser.add_argument("--megapixels", type=float, default=2)
    parser.add_argument("more", nargs="*", help="options of lightfuse batch, behind --")
    return parser.parse_args()


if __name__ == "__main__":
    main()
