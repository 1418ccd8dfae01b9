"""``lightfuse doctor``: versions, processor, extras and a self-test, ready to paste into a report."""

from typing import TYPE_CHECKING

import typer

from lightfuse.cli import options

if TYPE_CHECKING:
    from lightfuse.doctor import Diagnosis, SelfTest

FAILED = 1


def doctor(quiet: options.Quiet = False, json: options.Json = False) -> None:
    """Diagnose this installation and test it against golden pictures; exit with 1 if the test fails.

    Example: lightfuse doctor
    """
    from lightfuse.cli.printing import show
    from lightfuse.doctor import diagnose

    found = diagnose()
    if json:
        show(_record(found))
    elif not quiet:
        show(_page(found))
    if not found.ok:
        raise typer.Exit(FAILED)


def _record(found: "Diagnosis") -> str:
    import dataclasses
    import json
    import math

    fields = dataclasses.asdict(found)
    fields["ok"] = found.ok
    for extra, described in zip(found.extras, fields["extras"], strict=True):
        described["found"] = extra.found
    for test in fields["self_tests"]:
        test["deviation"] = test["deviation"] if math.isfinite(test["deviation"]) else None
    return json.dumps(fields)


def _page(found: "Diagnosis") -> str:
    """The text for a person: the result, extras that are not installed, then the block to paste into a report."""
    lines = ["LightFuse works: the self-test passed." if found.ok else "LightFuse does not work: the self-test failed."]
    lines += [f"  {test.model} on {test.instruction_set}: {test.failure}" for test in found.self_tests if test.failure]
    missing = [extra for extra in found.extras if not extra.found]
    if missing:
        width = max(len(extra.name) for extra in missing)
        lines += ["", "Extras that are not installed:"]
        lines += [f"  {extra.name:{width}}  {extra.get}" for extra in missing]
    lines += [
        "",
        "To report something, paste the lines below, and add the command you gave, what it printed,",
        "and what you expected. If a picture matters, add a small crop that shows the problem.",
        "",
        "```",
        *_block(found),
        "```",
    ]
    return "\n".join(lines)


def _block(found: "Diagnosis") -> list[str]:
    parts = {
        "versions": ", ".join(f"{name} {version}" for name, version in found.versions.items()),
        **{name: text for name, text in found.system.items() if name != "features"},
        "features": found.system["features"],
        "instruction sets": ", ".join(found.instruction_sets) or "none",
        "threads": str(found.threads),
        "extras": "; ".join(
            f"{extra.name} " + ("(no)" if not extra.found else ", ".join(f"{n} {v}" for n, v in extra.packages.items()))
            for extra in found.extras
        )
        or "none known",
        "self-test, of tolerance": "; ".join(_summary(test) for test in found.self_tests),
    }
    width = max(map(len, parts))
    return [f"{name:{width}}  {text}" for name, text in parts.items()]


def _summary(test: "SelfTest") -> str:
    if test.failure:
        return f"{test.model}/{test.instruction_set} FAILED ({test.failure})"
    return f"{test.model}/{test.instruction_set} {test.deviation:.0%}"
