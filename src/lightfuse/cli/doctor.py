"""``lightfuse doctor``: versions, processor, extras and a self-test, ready to paste into a report."""

from typing import TYPE_CHECKING

import typer

from lightfuse.cli import options

if TYPE_CHECKING:
    from lightfuse.doctor import Diagnosis

FAILED = 1


def doctor(quiet: options.Quiet = False, json: options.Json = False) -> None:
    """Diagnose this installation and test it against golden pictures; exit with 1 if the test fails.

    Example: lightfuse doctor
    """
    from lightfuse.cli.app import show
    from lightfuse.doctor import diagnose

    found = diagnose()
    if json:
        show(_record(found))
    elif not quiet:
        show(_page(found))
    if not found.ok:
        raise typer.Exit(FAILED)


def _record(found: "Diagnosis") -> str:
    from dataclasses import asdict
    from json import dumps

    extras = [asdict(extra) | {"found": extra.found} for extra in found.extras]
    return dumps(asdict(found) | {"extras": extras, "ok": found.ok})


def _page(found: "Diagnosis") -> str:
    """The text for a person: the result, extras that are not installed, then the block to paste into a report."""
    from lightfuse.cli.printing import aligned

    lines = ["LightFuse works: the self-test passed." if found.ok else "LightFuse does not work: the self-test failed."]
    lines += [f"  {test.model} on {test.instruction_set}: {test.failure}" for test in found.self_tests if test.failure]
    missing = [(f"  {extra.name}", extra.get) for extra in found.extras if not extra.found]
    if missing:
        lines += ["", "Extras that are not installed:", *aligned(missing)]
    lines += [
        "",
        "To report something, paste the lines below, and add the command you gave, what it printed,",
        "and what you expected. If a picture matters, add a small crop that shows the problem.",
        "",
        "```",
        *aligned(_block(found)),
        "```",
    ]
    return "\n".join(lines)


def _block(found: "Diagnosis") -> list[tuple[str, str]]:
    extras = [
        f"{extra.name} " + (", ".join(f"{n} {v}" for n, v in extra.packages.items()) if extra.found else "(no)")
        for extra in found.extras
    ]
    tests = [
        f"{test.model}/{test.instruction_set} "
        + (f"FAILED ({test.failure})" if test.failure else f"{test.deviation:.0%}")
        for test in found.self_tests
    ]
    best = [test for test in found.self_tests if test.instruction_set in found.instruction_sets[:1] and test.arithmetic]
    arithmetic = [f"{test.model} in {test.arithmetic} by {test.instruction_set}" for test in best]
    return [
        ("versions", ", ".join(f"{name} {version}" for name, version in found.versions.items())),
        *((name, text) for name, text in found.system.items() if name != "features"),
        ("features", found.system["features"]),
        ("instruction sets", ", ".join(found.instruction_sets) or "none"),
        ("8-bit pictures", ", ".join(arithmetic) or "unknown"),
        ("threads", str(found.threads)),
        ("extras", "; ".join(extras) or "none known"),
        ("self-test, of tolerance", "; ".join(tests)),
    ]
