"""How cost grows with the size of the pictures and with threads.

    python benchmarks/growth.py measure [--sizes 0.1 1 24 ...] [--threads 1 2]   adds to docs/growth.csv
    python benchmarks/growth.py draw                                             docs/growth.svg and docs/growth.md

Every point is a fresh process with 8-bit pictures in memory, as in `lightfuse benchmark`. Drawing needs matplotlib.
"""

import argparse
import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lightfuse.benchmark import Setup, available_methods, measure_all, three_by_two

DOCS = Path(__file__).parents[1] / "docs"
SIZES = (0.1, 0.3, 1, 3, 10, 24, 50, 100, 200)
AVERAGE = "cv2.addWeighted"
COLOURS = {"small": "#2a7f62", "base": "#1f5fa8", "paper": "#b5542b", AVERAGE: "#777777"}


@dataclass(frozen=True)
class Point:
    """One method, size and number of threads: median seconds of a call, peak bytes of its process, of its pictures."""

    method: str
    megapixels: float
    threads: int
    seconds: float
    peak_bytes: int
    pictures_bytes: int

    @property
    def key(self) -> tuple[str, float, int]:
        """What is measured once."""
        return self.method, self.megapixels, self.threads

    @property
    def nanoseconds_a_pixel(self) -> float:
        """Time for each pixel."""
        return self.seconds * 1e3 / self.megapixels

    @property
    def over_pictures(self) -> float:
        """Megabytes over what two pictures and the result take up."""
        return (self.peak_bytes - self.pictures_bytes) / 1e6


def main() -> None:
    """Measure, or draw what was measured."""
    arguments = _arguments()
    data = DOCS / "growth.csv"
    points = {point.key: point for point in _read(data)}
    if arguments.what == "measure":
        for point in _measured(arguments.sizes, arguments.threads, arguments.models):
            points[point.key] = point
            _write(data, sorted(points.values(), key=lambda point: point.key))  # At once: an interrupt loses nothing.
        return
    draw(list(points.values()), DOCS / "growth.svg")
    (DOCS / "growth.md").write_text(page(list(points.values())), encoding="utf-8")


def draw(points: list[Point], path: Path) -> None:
    """Three panels against size: time, time a pixel, memory over the pictures; dashed lines are one thread."""
    import matplotlib as mpl

    mpl.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "lightfuse", "svg.fonttype": "none", "font.size": 9})
    figure, (time, pixel, memory) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for method in COLOURS:
        for threads, style in ((2, "-"), (1, "--")):
            line = sorted((p for p in points if (p.method, p.threads) == (method, threads)), key=lambda p: p.megapixels)
            if not line:
                continue
            look: dict[str, Any] = {"color": COLOURS[method], "linestyle": style, "marker": "o", "markersize": 3}
            sizes = [p.megapixels for p in line]
            time.plot(sizes, [p.seconds * 1e3 for p in line], label=f"{method}, {_threads(threads)}", **look)
            pixel.plot(sizes, [p.nanoseconds_a_pixel for p in line], **look)
            memory.plot(sizes, [p.over_pictures for p in line], **look)
    for panel, title, scale in (
        (time, "time of a call, ms", "log"),
        (pixel, "time a pixel, ns", "log"),
        (memory, "memory over the three pictures, MB", "linear"),
    ):
        panel.set(title=title, xscale="log", yscale=scale, xlabel="megapixels")
        panel.grid(alpha=0.3)
    memory.set_ylim(bottom=0)
    time.legend(fontsize=7, loc="lower right")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def page(points: list[Point]) -> str:
    """The document with the figure and a table of its points."""
    lines = [
        "# How cost grows",
        "",
        "Time and memory against size and threads: 8-bit pictures in memory, each point a fresh process of its own",
        "(`python benchmarks/growth.py`). Memory is the most the process held less its three pictures, two and the",
        "result: Python and its libraries are in it.",
        "",
        "From some megapixels on, time grows as the pixels do and memory does not. Below, what counts is the",
        "FilteringNet of `small` and `base`, whose thumbnail has some 24,576 cells whatever the picture's size. The",
        "context grid of `paper` does grow with the picture.",
        "",
        "![Time, time a pixel, and memory over the pictures, against megapixels](growth.svg)",
        "",
        "| method | threads | megapixels | ms | ns a pixel | MB over the pictures |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    order = list(COLOURS)
    for p in sorted(points, key=lambda p: (order.index(p.method), p.threads, p.megapixels)):
        lines.append(
            f"| {p.method} | {p.threads} | {p.megapixels:g} | {p.seconds * 1e3:.3g} | {p.nanoseconds_a_pixel:.3g} | "
            f"{p.over_pictures:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _measured(sizes: Iterable[float], threads: Iterable[int], models: list[str]) -> Iterable[Point]:
    methods = [m for m in available_methods(models) if m.bits == 8 and m.name in (AVERAGE, *models)]
    for size in sizes:
        for count in threads:
            for one in measure_all(methods, Setup(*three_by_two(size), count)):
                if one.peak_bytes is None:
                    raise SystemExit("this system does not tell the peak memory of a process")
                point = Point(one.method, size, count, one.seconds, one.peak_bytes, one.pictures_bytes)
                print(
                    f"{point.method:16} {size:6g} MP {_threads(count)}: {point.nanoseconds_a_pixel:.3g} ns a pixel, "
                    f"{point.over_pictures:.0f} MB over the pictures",
                    flush=True,
                )
                yield point


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _read(path: Path) -> list[Point]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Point(
                r["method"],
                float(r["megapixels"]),
                int(r["threads"]),
                float(r["seconds"]),
                int(r["peak_bytes"]),
                int(r["pictures_bytes"]),
            )
            for r in csv.DictReader(file)
        ]


def _write(path: Path, points: list[Point]) -> None:
    names = [field.name for field in fields(Point)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([[getattr(point, name) for name in names] for point in points])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How time and memory grow with size and threads.")
    parser.add_argument("what", choices=["measure", "draw"])
    parser.add_argument("--sizes", nargs="+", type=float, default=SIZES, metavar="MEGAPIXELS")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--models", nargs="+", default=["small", "base", "paper"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
