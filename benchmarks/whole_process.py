"""What a person waits for, whole processes from start to end: python -m benchmarks.whole_process [ROW ...].

Rows: jpeg, moved, page, enfuse, tiff, version, video; all without a name. Each is a ratio, or a size, measured in one
run and set against the goal. The pictures are made up on the spot, in a folder of their own below --folder (tiff: 3.7
GB there and about 4 GB of memory).
"""

import argparse
import compileall
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

import lightfuse
from lightfuse.benchmark import three_by_two
from lightfuse.sample import sample_pair
from lightfuse.web.server import PageServer
from tools.synthetic import HandShake, sample_bracket

_PROGRAM = [sys.executable, "-m", "lightfuse"]

# A bare interpreter starts the command, because Linux counts what the starter held as memory of what it started.
_LAUNCHER = """
import os, sys, time
start = time.perf_counter()
null = os.open(os.devnull, os.O_WRONLY)
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
_, status, usage = os.wait4(pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime)
sys.exit(os.waitstatus_to_exitcode(status))
"""

# The least any program could do with these files: both decoded side by side, one of them encoded as lightfuse does.
_DECODE_AND_ENCODE = """
import sys
from concurrent.futures import ThreadPoolExecutor
import imagecodecs
def read(path):
    with open(path, "rb") as file:
        return imagecodecs.jpeg8_decode(file.read())
with ThreadPoolExecutor(2) as pool:
    under, over = pool.map(read, sys.argv[1:3])
data = imagecodecs.jpeg8_encode(over, level=95, subsampling="444")
with open(sys.argv[3], "wb") as file:
    file.write(data)
"""

_VIDEO = """
import sys, time
import numpy as np
from lightfuse import Fuser
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
model, threads, frames = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random = np.random.default_rng(0)
unders = [random.integers(0, 128, (2160, 3840, 3), dtype=np.uint8) for _ in range(3)]
overs = [under * 2 for under in unders]
fuser = Fuser(model, threads)
warm = min(60, frames // 2)
for number, _ in enumerate(fuser.stream((unders[n % 3], overs[n % 3]) for n in range(frames)), start=1):
    if number == warm:
        early, after_warm = resident(), time.perf_counter()
    if number == frames:
        print((frames - warm) / (time.perf_counter() - after_warm), resident() - early)
"""


@dataclass(frozen=True)
class Cost:
    """What one run of a program cost: seconds from start to end, seconds of processor time, peak resident bytes."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run(command: Sequence[str]) -> Cost:
    """Run a command once; its output is thrown away, and its failure is a CalledProcessError."""
    words = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command]
    printed = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return Cost(seconds=float(printed[0]), cpu_seconds=float(printed[2]), peak_bytes=int(printed[1]))


def alternate(commands: Mapping[str, Sequence[str]], runs: int) -> dict[str, Cost]:
    """The median cost of each command, all taking turns after one warm-up each: drift moves both sides of a ratio."""
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            cost = run(command)
            if turn:
                found[name].append(cost)
    return {
        name: Cost(
            statistics.median(cost.seconds for cost in costs),
            statistics.median(cost.cpu_seconds for cost in costs),
            max(cost.peak_bytes for cost in costs),
        )
        for name, costs in found.items()
    }


def main() -> None:
    """Measure the rows that were asked for and print the table."""
    arguments = _arguments()
    compileall.compile_dir(Path(lightfuse.__file__).parent, quiet=1)  # As installers do; else every run might anew.
    how = arguments.fuse_options or "default options"
    print(f"{arguments.threads} threads, {how}, median of {arguments.runs} alternating runs after a warm-up\n")
    print("| what | measured | against | ratio | goal | |\n| --- | --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory(prefix="lightfuse-whole-", dir=arguments.folder) as folder:
        for row in arguments.rows or ROWS:
            ROWS[row](Path(folder), arguments)


def jpeg_row(folder: Path, arguments: argparse.Namespace) -> None:
    """Two JPEGs to a JPEG: time against decoding and encoding alone, and peak memory against the pictures' bytes."""
    _time_jpegs(folder, arguments, _jpegs(folder, arguments.megapixels), "JPEGs to JPEG", 1.4)


def moved_row(folder: Path, arguments: argparse.Namespace) -> None:
    """The same with a hand-held pair: shifted, turned and tilted as between two frames of a bracket."""
    _time_jpegs(folder, arguments, _moved_jpegs(folder, arguments.megapixels), "hand-held JPEGs to JPEG", 3.0)


def page_row(folder: Path, arguments: argparse.Namespace) -> None:
    """The page with the same hand-held pair in headless Chromium: the least that it says each part took."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None or find_spec("playwright") is None:
        print("page: left out, Chromium or playwright is not installed", file=sys.stderr)
        return
    from playwright.sync_api import sync_playwright

    paths = _moved_jpegs(folder, arguments.megapixels)
    said = []
    with PageServer(port=0) as server, sync_playwright() as running:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = running.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        for _ in range(arguments.runs):
            page.set_input_files("#files", list(paths))
            page.wait_for_selector("body.busy", state="attached")
            page.wait_for_selector("body:not(.busy)")
            said.append(page.inner_text("#status"))
        workers = len(page.workers)
        browser.close()
        server.shutdown()
    for part, pattern, most in (("align", r"Aligned in ([\d.]+) s", 1.0), ("fuse", r"fused in ([\d.]+) s", 0.8)):
        seconds = min(float(found[1]) for text in said if (found := re.search(pattern, text)))
        what = f"{arguments.megapixels:g} MP hand-held JPEGs in Chromium, {workers} workers, {part}"
        _print(what, f"{seconds:.2f} s", "", "", f"≤ {most} s", seconds <= most)


def _moved_jpegs(folder: Path, megapixels: float) -> tuple[str, str]:
    width, height = three_by_two(megapixels)
    pictures = sample_bracket(width // 2, height // 2, shake=HandShake.typical(1)).pictures
    paths = str(folder / "moved-under.jpg"), str(folder / "moved-over.jpg")
    for path, picture in zip(paths, pictures, strict=True):
        large = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        Path(path).write_bytes(imagecodecs.jpeg8_encode(large, level=95, subsampling="420"))
    return paths


def _time_jpegs(folder: Path, arguments: argparse.Namespace, paths: tuple[str, str], what: str, most: float) -> None:
    under, over = paths
    out = str(folder / "out.jpg")
    costs = alternate(
        {
            "fuse": [*_fuse(arguments), under, over, "-o", out, "--overwrite", "--quiet"],
            "least": [sys.executable, "-c", _DECODE_AND_ENCODE, under, over, str(folder / "copy.jpg")],
        },
        arguments.runs,
    )
    fuse, least = costs["fuse"], costs["least"]
    _print(
        f"{arguments.megapixels:g} MP {what}, `{arguments.model}`",
        f"{fuse.seconds * 1000:.0f} ms ({fuse.cpu_seconds * 1000:.0f} of processor time)",
        f"decode both and encode one: {least.seconds * 1000:.0f} ms ({least.cpu_seconds * 1000:.0f})",
        f"{fuse.seconds / least.seconds:.2f} ×",
        f"≤ {most} ×",
        fuse.seconds <= most * least.seconds,
    )
    _print_memory("its peak memory", fuse.peak_bytes, _picture_bytes(arguments.megapixels, 1), 60)


def tiled_pair(width: int, height: int, *, bits: int) -> list[NDArray[Any]]:
    """Under and over, H×W×3, uint8 or uint16: the sample pair, at its own size, repeated until it fills another."""
    rows, columns = np.arange(height) % 512, np.arange(width) % 768
    return [np.ascontiguousarray(picture[:, columns][rows]) for picture in sample_pair(768, 512, bits=bits)]


def enfuse_row(folder: Path, arguments: argparse.Namespace) -> None:
    """The same against enfuse on the same files."""
    if shutil.which("enfuse") is None:
        print("enfuse: left out, it is not installed", file=sys.stderr)
        return
    under, over = _jpegs(folder, arguments.megapixels)
    fuse = [*_fuse(arguments), under, over, "-o", str(folder / "out.jpg"), "--overwrite", "--quiet"]
    enfuse = ["enfuse", "--compression=95", "-o", str(folder / "enfused.jpg"), under, over]
    costs = alternate({"fuse": fuse, "enfuse": enfuse}, min(2, arguments.runs))
    ratio = costs["enfuse"].seconds / costs["fuse"].seconds
    _print(
        "the same",
        f"{costs['fuse'].seconds * 1000:.0f} ms",
        f"enfuse: {costs['enfuse'].seconds:.1f} s, {costs['enfuse'].peak_bytes / 1e6:.0f} MB",
        f"{ratio:.1f} × faster",
        "≥ 20 × faster",
        ratio >= 20,
    )


def tiff_row(folder: Path, arguments: argparse.Namespace) -> None:
    """A pair of large 16-bit TIFFs: peak memory against the pictures' bytes."""
    width, height = three_by_two(arguments.large)
    paths = [str(folder / name) for name in ("under.tif", "over.tif")]
    for path, picture in zip(paths, tiled_pair(width, height, bits=16), strict=True):
        tifffile.imwrite(path, picture, photometric="rgb")
    cost = run([*_fuse(arguments), *paths, "-o", str(folder / "out.tif"), "--overwrite", "--quiet"])
    what = f"{arguments.large:g} MP 16-bit TIFFs to TIFF, {cost.seconds:.1f} s, peak memory"
    _print_memory(what, cost.peak_bytes, _picture_bytes(arguments.large, 2), 100)
    for name in (*paths, str(folder / "out.tif")):
        Path(name).unlink()


def version_row(folder: Path, arguments: argparse.Namespace) -> None:
    """``lightfuse --version``, against an interpreter that does nothing."""
    script = shutil.which("lightfuse", path=str(Path(sys.executable).parent)) or shutil.which("lightfuse")
    commands = {
        "version": [script, "--version"] if script else [*_PROGRAM, "--version"],
        "python": [sys.executable, "-c", "pass"],
    }
    costs = alternate(commands, max(arguments.runs, 9))
    seconds = costs["version"].seconds
    python = f"python that does nothing: {costs['python'].seconds * 1000:.0f} ms"
    _print("`lightfuse --version`", f"{seconds * 1000:.0f} ms", python, "", "≤ 200 ms", seconds <= 0.2)


def video_row(folder: Path, arguments: argparse.Namespace) -> None:
    """4K frames through `Fuser.stream`: frames a second, and growth of memory after the first 60."""
    for model, goal in (("base", 30), ("small", 60)):
        command = [sys.executable, "-c", _VIDEO, model, str(arguments.threads), str(arguments.frames)]
        words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        rate, growth = float(words[0]), int(words[1])
        name = f"4K frames, `{model}`, {arguments.frames} of them"
        _print(name, f"{rate:.1f} frames/s", "", "", f"≥ {goal} frames/s", rate >= goal)
        _print("its memory", f"grows by {growth / 1e6:.1f} MB", "", "", "no growth", growth < 1_000_000)


ROWS: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    "version": version_row,
    "jpeg": jpeg_row,
    "moved": moved_row,
    "page": page_row,
    "enfuse": enfuse_row,
    "video": video_row,
    "tiff": tiff_row,
}


def _fuse(arguments: argparse.Namespace) -> list[str]:
    more = shlex.split(arguments.fuse_options)
    return [*_PROGRAM, "fuse", "--model", arguments.model, "--threads", str(arguments.threads), *more]


def _jpegs(folder: Path, megapixels: float) -> tuple[str, str]:
    """Two JPEGs as cameras write them: quality 95, colour at half resolution."""
    under, over = folder / "under.jpg", folder / "over.jpg"
    if not over.exists():
        for path, picture in zip((under, over), tiled_pair(*three_by_two(megapixels), bits=8), strict=True):
            path.write_bytes(imagecodecs.jpeg8_encode(picture, level=95, subsampling="420"))
    return str(under), str(over)


def _picture_bytes(megapixels: float, bytes_a_value: int) -> int:
    width, height = three_by_two(megapixels)
    return 3 * width * height * 3 * bytes_a_value


def _print_memory(name: str, peak: int, pictures: int, slack_megabytes: int) -> None:
    allowed = 1.25 * pictures + slack_megabytes * 1e6
    _print(
        name,
        f"{peak / 1e6:.0f} MB",
        f"three pictures: {pictures / 1e6:.0f} MB",
        f"{peak / pictures:.2f} ×",
        f"≤ 1.25 × + {slack_megabytes} MB = {allowed / 1e6:.0f} MB",
        peak <= allowed,
    )


def _print(what: str, measured: str, against: str, ratio: str, goal: str, reached: bool) -> None:
    print(f"| {what} | {measured} | {against} | {ratio} | {goal} | {'reached' if reached else 'missed'} |", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Whole processes against what they need at least.")
    parser.add_argument(
        "rows", nargs="*", choices=[[], *ROWS], metavar="ROW", help=f"of {', '.join(ROWS)} (default: all)"
    )
    parser.add_argument("--model", default="base")
    parser.add_argument(
        "--fuse-options", default="", help='more for lightfuse fuse, such as "--align off --deghost off"'
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--megapixels", type=float, default=24)
    parser.add_argument("--large", type=float, default=200, help="megapixels of the TIFFs")
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--folder", type=Path, help="where the files go (default: the system's temporary folder)")
    arguments = parser.parse_args()
    if not ROWS.keys() >= set(arguments.rows):
        parser.error(f"the rows are {', '.join(ROWS)}")
    return arguments


if __name__ == "__main__":
    main()
