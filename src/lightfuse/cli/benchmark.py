"""``lightfuse benchmark``: how fast this machine fuses, beside OpenCV."""

from typing import TYPE_CHECKING, Annotated

import typer

from lightfuse.cli import options

if TYPE_CHECKING:
    from lightfuse.benchmark import Measurement, Setup


def benchmark(
    size: Annotated[
        float, typer.Option(min=0.001, max=500, metavar="MEGAPIXELS", help="Size of the pictures, of 3:2.")
    ] = 24,
    model: options.Models = None,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    json: options.Json = False,
) -> None:
    """Measure fusing beside OpenCV's average and its Mertens fusion.

    Example: lightfuse benchmark --size 24
    """
    from dataclasses import asdict
    from json import dumps

    from lightfuse.benchmark import Setup, available_methods, measure_all, three_by_two
    from lightfuse.cli.app import show
    from lightfuse.cli.printing import progress
    from lightfuse.errors import WeightsError
    from lightfuse.models import shipped_models
    from lightfuse.system import usable_cores

    shipped = shipped_models()
    for name in model or []:
        if name not in shipped:
            raise WeightsError(f"{name!r} is not a shipped model ({', '.join(shipped)}); check the spelling")
    methods = available_methods(dict.fromkeys(model or shipped))
    setup = Setup(*three_by_two(size), threads or usable_cores())
    measured = measure_all(methods, setup, progress=progress("measuring", quiet=quiet))
    if json:
        for one in measured:
            show(dumps({**asdict(one), **asdict(setup)}))
    elif not quiet:
        show(_page(measured, setup))


def _page(measured: "list[Measurement]", setup: "Setup") -> str:
    from lightfuse import __version__, core
    from lightfuse.cli.printing import aligned

    threads = "1 thread" if setup.threads == 1 else f"{setup.threads} threads"
    averages = {one.bits: one.seconds for one in measured if one.method == "cv2.addWeighted"}
    rows = [["method", "bits", "first call", "later calls", "megapixels/s", "× average", "memory", "pictures"]]
    for one in measured:
        times = _time(one.first_seconds), _time(one.seconds), f"{one.megapixels_per_second:.4g}"
        peak = "unknown" if one.peak_bytes is None else f"{one.peak_bytes / 1e6:.0f} MB"
        ratio = f"{one.seconds / averages[one.bits]:.3g}"
        rows.append([one.method, str(one.bits), *times, ratio, peak, f"{one.pictures_bytes / 1e6:.0f} MB"])
    lines = [
        f"LightFuse {__version__}, {setup.width}×{setup.height} ({setup.width * setup.height / 1e6:.4g} megapixels), "
        f"{threads}, {core.instruction_sets()[0]}",
        "",
        *aligned(rows, right=True),
        "",
        "Each method ran alone in a fresh process, on synthetic pictures already in memory (8: uint8, 16: uint16).",
        "First call: what a program pays that fuses one picture, new memory and code included. Later calls: the",
        "median, into a result kept from call to call where the method can. Memory: the most its process ever held,",
        "Python and libraries included; pictures: what two pictures and the result alone take up.",
    ]
    return "\n".join(lines)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"
