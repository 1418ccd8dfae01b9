"""``lightfuse doctor``: versions, processor, extras and a self-test, ready to paste into a report."""

from typing import TYPE_CHECKING

import typer

from lightfuse.cli import options

if TYPE_CHECKING:
    from lightfuse.doctor import Examination, SelfTest

FAILED = 1


def doctor(quiet: options.Quiet = False, json: options.Json = False) -> None:
    """Examine this installation and test it against golden pictures; exits with 1 if the test fails.

    Example: lightfuse doctor
    """
    from lightfuse.cli.printing import show
    from lightfuse.doctor import examine

    found = examine()
    if json:
        show(_record(found))
    elif not quiet:
        show(_page(found))
    if not found.well:
        raise typer.Exit(FAILED)


def _record(found: "Examination") -> str:
    import dataclasses
    import json
    import math

    fields = dataclasses.asdict(found)
    fields["well"] = found.well
    for extra, described in zip(found.extras, fields["extras"], strict=True):
        described["found"] = extra.found
    for test in fields["self_tests"]:
        test["deviation"] = test["deviation"] if math.isfinite(test["deviation"]) else None
    return json.dumps(fields)


def _page(found: "Examination") -> str:
    """What a person reads: the verdict, what could be added, then the block that a report should hold."""
    lines = ["LightFuse is well." if found.well else "LightFuse is not well: the self-test failed."]
    lines += [f"  {test.model} on {test.instruction_set}: {test.failure}" for test in found.self_tests if test.failure]
    missing = [extra for extra in found.extras if not extra.found]
    if missing:
        width = max(len(extra.name) for extra in missing)
        lines += ["", "Not installed, and only needed for what they are named after:"]
        lines += [f"  {extra.name:{width}}  {extra.get}" for extra in missing]
    lines += [
        "",
        "To report something, paste the lines below, and add the command you gave, what it printed,",
        "and what you expected. If a picture matters, a small crop that shows the trouble helps most.",
        "",
        "```",
        *_block(found),
        "```",
    ]
    return "\n".join(lines)


def _block(found: "Examination") -> list[str]:
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
        "self-test, of allowed": "; ".join(_told(test) for test in found.self_tests),
    }
    width = max(map(len, parts))
    return [f"{name:{width}}  {text}" for name, text in parts.items()]


def _told(test: "SelfTest") -> str:
    if test.failure:
        return f"{test.model}/{test.instruction_set} FAILED ({test.failure})"
    return f"{test.model}/{test.instruction_set} {test.deviation:.0%}"
