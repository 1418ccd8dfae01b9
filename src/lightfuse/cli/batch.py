"""``lightfuse batch``: a folder sorted into brackets, every bracket fused."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lightfuse.cli import options

SOME_FAILED = 1
_SORTING, _NAMING, _EXTRA, _RUNNING = "Sorting", "Results", "Extra outputs", "Running"


@options.takes(options.MODEL, options.FUSING, options.FILES, options.REPORTING)
def batch(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Pictures, in it and in folders below it.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for the results; folders below are mirrored.")
    ],
    chosen: options.Chosen,
    by: Annotated[
        str, typer.Option("--by", help="Sort by auto, exif, count, pattern or folder.", rich_help_panel=_SORTING)
    ] = "auto",
    count: Annotated[
        int | None,
        typer.Option("--count", metavar="N", help="Brackets of N pictures, by name.", rich_help_panel=_SORTING),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            "--pattern",
            help="Pictures whose names say one scene: '{scene}_{ev}', or a regular expression with (?P<scene>...).",
            rich_help_panel=_SORTING,
        ),
    ] = None,
    gap: Annotated[
        float,
        typer.Option(
            "--gap", min=0, metavar="SECONDS", help="A pause that always ends a bracket.", rich_help_panel=_SORTING
        ),
    ] = 30.0,
    raw: Annotated[
        bool, typer.Option("--raw", help="Take the RAW of shots kept as RAW and JPEG.", rich_help_panel=_SORTING)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the brackets and fuse nothing.", rich_help_panel=_SORTING)
    ] = False,
    name: Annotated[
        str,
        typer.Option(
            "--name",
            metavar="TEMPLATE",
            help="What results are called, of {scene}, {first}, {last}, {count}, {number}.",
            rich_help_panel=_NAMING,
        ),
    ] = "{scene}_fused",
    format_: Annotated[
        str, typer.Option("--format", help="Format of the results: jpg, png, tif, webp.", rich_help_panel=_NAMING)
    ] = "jpg",
    compare: Annotated[
        bool,
        typer.Option("--compare", help="NAME-compare.jpg: all frames and the result.", rich_help_panel=_EXTRA),
    ] = False,
    hdr: Annotated[
        Literal["jpg", "exr", "hdr"] | None,
        typer.Option(
            "--hdr",
            help="The merged HDR picture: NAME-hdr.jpg (Ultra HDR), .exr or .hdr.",
            rich_help_panel=_EXTRA,
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave results that exist as they are.", rich_help_panel=_NAMING)
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            max=1024,
            metavar="N",
            help="Brackets under way at a time.",
            show_default="one a core and one more, as memory allows",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            min=1,
            max=1024,
            help="Threads for one bracket.",
            show_default="the cores, shared by the brackets",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            "--executor", metavar="dask://HOST:PORT", help="A dask cluster to fuse on.", rich_help_panel=_RUNNING
        ),
    ] = None,
) -> None:
    """Sort a folder into brackets and fuse each; run again to go on where it stopped.

    Example: lightfuse batch holiday -o fused --dry-run
    """
    from lightfuse import batch as room
    from lightfuse.brackets.grouping import GroupSettings, group_folder
    from lightfuse.cli.batch_report import BatchReport, check_brackets, print_plan
    from lightfuse.models import load_weights

    quiet, json = chosen["quiet"], chosen["json"]
    hdr_suffix = None if hdr is None else f".{hdr}"
    names = room.NameSettings(name, "." + format_.lstrip("."), compare, hdr_suffix)
    results = room.results_below(folder) | room.results_below(output)
    grouping = group_folder(folder, GroupSettings(by, count, pattern, gap, raw), without=output, results=results)
    planned = room.plan_jobs(grouping.brackets, output, names)
    if dry_run:
        print_plan(grouping, planned, folder, quiet=quiet, as_json=json)
        return
    check_brackets(grouping, folder)
    loaded = load_weights(options.chosen_model(chosen["model"], chosen["weights"]))
    settings = room.BatchSettings(loaded, options.fuse_options(chosen, compare=compare), hdr_suffix)
    with room.lock_output(output):
        manifest = room.Manifest(output, folder)
        room.resume(manifest, [job.output for job in planned])
        plan = room.plan_batch(planned, manifest, settings.digest, overwrite=overwrite, skip_existing=skip_existing)
        with BatchReport(grouping, plan, output, quiet=quiet, as_json=json) as report:
            running = room.RunSettings(jobs, threads, executor, overwrite)
            room.run_batch(plan.jobs, settings, manifest, report, running)
    report.print_summary()
    if report.is_imperfect:
        raise typer.Exit(SOME_FAILED)
