"""The plan of a batch, made before anything runs: which brackets become which files, and which are up to date."""

import os
import string
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightfuse.batch.manifest import Manifest
from lightfuse.brackets.grouping import GroupedBracket
from lightfuse.errors import OutputError, check_extra
from lightfuse.images import format_of
from lightfuse.options import compare_path, hdr_path
from lightfuse.system import display_name

_EXAMPLE = {"scene": "kitchen", "first": "IMG_1", "last": "IMG_3", "count": 3, "number": 1}


@dataclass(frozen=True, slots=True)
class BracketJob:
    """One bracket to fuse into one file; ``extra_outputs`` are written with it, ``notes`` tell how it was found."""

    scene: str
    inputs: tuple[Path, ...]
    output: Path
    extra_outputs: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that are written."""
        return self.output, *self.extra_outputs


@dataclass(frozen=True)
class BracketSet:
    """Brackets that are one set, or may be: a panorama or a sequence, whose results get one tone.

    Attributes:
        jobs: all of them, also those that are not to be run.
        inputs: a digest of all their inputs.
        named: a person says that it is a set; otherwise content decides.
    """

    jobs: tuple[BracketJob, ...]
    inputs: str
    named: bool

    def digest(self, digest: str) -> str:
        """The digest of options that make the set's results, from that of the options by themselves."""
        return f"{digest}-{self.inputs}"


@dataclass(frozen=True)
class NameSettings:
    """How results are named.

    Attributes:
        template: with the fields ``{scene}``, ``{first}`` and ``{last}`` (names of exposures without suffix),
            ``{count}`` (of exposures) and ``{number}`` (of the bracket in its folder, from 1).
        suffix: of the format, such as ``.jpg``.
        compare: whether a comparison sheet is written with each result.
        hdr: suffix of the merged HDR picture written with each result, such as ``.exr``; None for none.
    """

    template: str = "{scene}_fused"
    suffix: str = ".jpg"
    compare: bool = False
    hdr: str | None = None

    def __post_init__(self) -> None:
        format_of(self.suffix)
        for suffix in filter(None, (self.suffix, self.hdr)):
            check_extra(suffix)
        try:
            fields = [name for _, name, form, _ in string.Formatter().parse(self.template) if name is not None]
            self.template.format(**_EXAMPLE)
        except (ValueError, KeyError, IndexError, AttributeError, TypeError):
            fields = [""]
        if not set(fields) <= _EXAMPLE.keys() or not self.template or "/" in self.template or os.sep in self.template:
            known = ", ".join(f"{{{name}}}" for name in _EXAMPLE)
            raise OutputError(f"{self.template!r} is not a template for file names; its fields may be {known}")

    def extra_outputs(self, output: Path) -> tuple[Path, ...]:
        """The other files written with an output."""
        sheet = (compare_path(output),) if self.compare else ()
        return sheet if self.hdr is None else (*sheet, hdr_path(output, self.hdr))


@dataclass(frozen=True)
class Plan:
    """Jobs to run, and those not to run: up to date since an earlier run, or skipped because the file exists."""

    jobs: tuple[BracketJob, ...]
    unchanged: tuple[BracketJob, ...] = ()
    existing: tuple[BracketJob, ...] = ()


def plan_jobs(brackets: Sequence[GroupedBracket], out: Path, names: NameSettings = NameSettings()) -> list[BracketJob]:
    """Give every bracket its output; folders below ``out`` mirror those below the folder that was grouped.

    Raises:
        OutputError: two brackets would write one file, or a result would replace an exposure.
    """
    numbers: dict[Path, int] = {}
    jobs = []
    for bracket in brackets:
        numbers[bracket.folder] = numbers.get(bracket.folder, 0) + 1
        name = names.template.format(
            scene=bracket.scene,
            first=bracket.shots[0].path.stem,
            last=bracket.shots[-1].path.stem,
            count=len(bracket.shots),
            number=numbers[bracket.folder],
        )
        output = out / bracket.folder / f"{name}{names.suffix}"
        if ".." in output.relative_to(out).parts or name.startswith(("/", ".")):
            raise OutputError(f"a result cannot be named {display_name(name)}; give another --name or --pattern")
        inputs = tuple(shot.path for shot in bracket.shots)
        jobs.append(BracketJob(bracket.scene, inputs, output, names.extra_outputs(output), bracket.notes))
    _check_names(jobs)
    return jobs


def plan_batch(
    jobs: Sequence[BracketJob],
    manifest: Manifest,
    digest: str,
    sets: Sequence[BracketSet] = (),
    *,
    overwrite: bool = False,
    skip_existing: bool = False,
) -> Plan:
    """Separate jobs that must run from those whose result exists.

    Args:
        jobs: every bracket.
        manifest: of the folder the results go to.
        digest: of the options; a result made with others is not up to date.
        sets: results made as a part of one are up to date, too; for a set that is named, only these are.
        overwrite: replace results that exist and are not up to date.
        skip_existing: leave them as they are.

    Raises:
        OutputError: results exist, are not up to date, and neither option was given.
    """
    if overwrite and skip_existing:
        raise OutputError("give --overwrite or --skip-existing, not both")
    run, unchanged, existing = [], [], []
    accepted: dict[Path, set[str]] = {}
    for each in sets:
        digests = {each.digest(digest)} if each.named else {each.digest(digest), digest}
        accepted |= {job.output: digests for job in each.jobs}
    for job in jobs:
        if manifest.is_up_to_date(job.inputs, job.output, accepted.get(job.output, {digest})):
            unchanged.append(job)
        elif any(map(os.path.lexists, job.files)) and not overwrite:
            existing.append(job)
        else:
            run.append(job)
    if existing and not skip_existing:
        first = next(path for path in existing[0].files if os.path.lexists(path))
        made = "was made from other inputs or options" if manifest.knows(existing[0].output) else "already exists"
        more = f", like {len(existing) - 1} more" if len(existing) > 1 else ""
        raise OutputError(f"{display_name(first)} {made}{more}; give --overwrite or --skip-existing")
    return Plan(tuple(run), tuple(unchanged), tuple(existing))


def _check_names(jobs: Sequence[BracketJob]) -> None:
    inputs = {os.path.realpath(path) for job in jobs for path in job.inputs}
    taken: dict[str, BracketJob] = {}
    for owner, path in [(job, path) for job in jobs for path in job.files]:
        if os.path.realpath(path) in inputs:
            raise OutputError(f"{display_name(path)} is one of the exposures; give another --name or -o")
        name = str(path)
        if sys.platform in ("darwin", "win32"):  # Whose file systems ignore case and Unicode normalisation.
            name = unicodedata.normalize("NFC", name).casefold()
        other = taken.setdefault(name, owner)
        if other is not owner:
            raise OutputError(
                f"two brackets would be written to {display_name(path)}, that of {display_name(other.inputs[0])} "
                f"and that of {display_name(owner.inputs[0])}; give another --name, such as '{{number}}_{{scene}}'"
            )
