"""This machine: ``lightfuse doctor`` diagnoses the installation, ``lightfuse benchmark`` measures how fast it fuses."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

from lightfuse.cli import options
from lightfuse.cli.app import progress, show

if TYPE_CHECKING:
    from lightfuse.benchmark import Measurement, Setup
    from lightfuse.doctor import Diagnosis

FAILED = 1


def doctor(quiet: options.Quiet = False, json: options.Json = False) -> None:
    """Diagnose this installation and test it against golden pictures; exit with 1 if the test fails.

    Example: lightfuse doctor
    """
    from lightfuse.doctor import diagnose

    found = diagnose()
    if json:
        show(dumps(asdict(found) | {"ok": found.ok}))
    elif not quiet:
        show(_page(found))
    if not found.ok:
        raise typer.Exit(FAILED)


def _page(found: "Diagnosis") -> str:
    """The text for a person: the result, extras that are not installed, then the block to paste into a report."""
    lines = ["LightFuse works: the self-test passed." if found.ok else "LightFuse does not work: the self-test failed."]
    lines += [f"  {test.model} on {test.instruction_set}: {test.failure}" for test in found.self_tests if test.failure]
    missing = [name for name, packages in found.extras.items() if None in packages.values()]
    if missing:
        commands = [(f"  {name}", f"pip install 'lightfuse[{name}]'") for name in missing]
        lines += ["", "Extras that are not installed:", *_aligned(commands)]
    tests = [
        f"{test.model}/{test.instruction_set} {'FAILED' if test.deviation is None else f'{test.deviation:.0%}'}"
        for test in found.self_tests
    ]
    extras = [f"{name} ({'no' if name in missing else _listed(found.extras[name])})" for name in found.extras]
    block = {
        "versions": _listed(found.versions),
        **found.system,
        "instruction sets": ", ".join(found.instruction_sets) or "none",
        "extras": "; ".join(extras) or "none known",
        "self-test, of tolerance": "; ".join(tests),
    }
    lines += [
        "",
        "To report something, paste the lines below, and add the command you gave, what it printed,",
        "and what you expected. If a picture matters, add a small crop that shows the problem.",
        "",
        "```",
        *_aligned(list(block.items())),
        "```",
    ]
    return "\n".join(lines)


def _listed(versions: Mapping[str, str | None]) -> str:
    return ", ".join(f"{package} {version or 'missing'}" for package, version in versions.items())


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
    from lightfuse.benchmark import Setup, available_methods, measure_all, three_by_two
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
        show(_table(measured, setup))


def _table(measured: "list[Measurement]", setup: "Setup") -> str:
    from lightfuse import __version__, core

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
        *_aligned(rows, right=True),
        "",
        "Each method ran alone in a fresh process, on synthetic pictures already in memory (8: uint8, 16: uint16).",
        "First call: what a program pays that fuses one picture, new memory and code included. Later calls: the",
        "median, into a result kept from call to call where the method can. Memory: the most its process ever held,",
        "Python and libraries included; pictures: what two pictures and the result alone take up.",
    ]
    return "\n".join(lines)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def _aligned(rows: Sequence[Sequence[str]], *, right: bool = False) -> list[str]:
    """Return rows as lines of aligned columns, two spaces apart: all to the left, or all but the first to the right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    place = str.rjust if right else str.ljust
    return ["  ".join([row[0].ljust(first), *map(place, row[1:], others)]).rstrip() for row in rows]
