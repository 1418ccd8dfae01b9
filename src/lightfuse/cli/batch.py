"""``lightfuse batch``: a folder sorted into brackets, every bracket fused."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from lightfuse.cli import options

SOME_FAILED = 1
_sorting = partial(typer.Option, rich_help_panel="Sorting")
_naming = partial(typer.Option, rich_help_panel="Results")
_extra = partial(typer.Option, rich_help_panel="Extra outputs")
_running = partial(typer.Option, rich_help_panel="Running")
_PATTERN_HELP = "Pictures whose names say one scene: '{scene}_{ev}', or a regular expression with (?P<scene>...)."
_MATCH_HELP = "One tone for the brackets of a folder; by default where a panorama or sequence is recognised."
_PREVIEW_HELP = "Draw a contact sheet of the brackets, .jpg or .png, and fuse nothing."
_HDR_HELP = "For HDR screens NAME-hdr.jpg, .avif, .jxl; the merged light as .dng, .tif, .exr, .hdr."
_JOBS_DEFAULT, _THREADS_DEFAULT = "one a core and one more, as memory allows", "the cores, shared by the brackets"


@options.takes(options.MODEL, options.FUSING, options.FILES, options.REPORTING)
def batch(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Pictures, in it and in folders below it.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="Folder for the results; folders below are mirrored.")
    ],
    chosen: options.Chosen,
    by: Annotated[
        Literal["auto", "exif", "count", "pattern", "folder"], _sorting(help="What tells brackets apart.")
    ] = "auto",
    count: Annotated[int | None, _sorting(metavar="N", help="Brackets of N pictures, by name.")] = None,
    pattern: Annotated[str | None, _sorting(help=_PATTERN_HELP)] = None,
    gap: Annotated[float, _sorting(min=0, metavar="SECONDS", help="A pause that always ends a bracket.")] = 30.0,
    raw: Annotated[bool, _sorting("--raw", help="Take the RAW of shots kept as RAW and JPEG.")] = False,
    join: Annotated[bool, _sorting("--join", help="Make one bracket of consecutive ones of one scene.")] = False,
    match: Annotated[bool | None, _sorting("--match/--no-match", help=_MATCH_HELP, show_default=False)] = None,
    dry_run: Annotated[bool, _sorting("--dry-run", help="Print the brackets and fuse nothing.")] = False,
    preview: Annotated[Path | None, _sorting(metavar="FILE", help=_PREVIEW_HELP)] = None,
    name: Annotated[
        str,
        _naming(metavar="TEMPLATE", help="What results are called, of {scene}, {first}, {last}, {count}, {number}."),
    ] = "{scene}_fused",
    format_: Annotated[str, _naming("--format", help="Format of the results: jpg, png, tif, webp.")] = "jpg",
    compare: Annotated[bool, _extra("--compare", help="NAME-compare.jpg: all frames and the result.")] = False,
    hdr: Annotated[Literal["jpg", "avif", "jxl", "dng", "tif", "exr", "hdr"] | None, _extra(help=_HDR_HELP)] = None,
    overwrite: options.Overwrite = False,
    skip_existing: Annotated[bool, _naming("--skip-existing", help="Leave results that exist as they are.")] = False,
    jobs: Annotated[
        int | None,
        _running(min=1, max=1024, metavar="N", help="Brackets under way at a time.", show_default=_JOBS_DEFAULT),
    ] = None,
    threads: Annotated[
        int | None, _running(min=1, max=1024, help="Threads for one bracket.", show_default=_THREADS_DEFAULT)
    ] = None,
    executor: Annotated[str | None, _running(metavar="dask://HOST:PORT", help="A dask cluster to fuse on.")] = None,
) -> None:
    """Sort a folder into brackets and fuse each; run again to go on where it stopped.

    Example: lightfuse batch holiday -o fused --dry-run
    """
    from lightfuse.batch.manifest import Manifest, results_below
    from lightfuse.batch.plan import NameSettings, plan_batch, plan_jobs
    from lightfuse.batch.preview import write_preview
    from lightfuse.batch.run import run_batch
    from lightfuse.batch.sets import candidate_sets
    from lightfuse.batch.staging import lock_output, resume
    from lightfuse.batch.work import BatchSettings
    from lightfuse.brackets.grouping import GroupSettings, group_folder
    from lightfuse.cli.batch_report import BatchReport, check_brackets, print_plan
    from lightfuse.models import load_weights

    quiet, json = chosen["quiet"], chosen["json"]
    hdr_suffix = None if hdr is None else f".{hdr}"
    names = NameSettings(name, "." + format_.lstrip("."), compare, hdr_suffix)
    results = results_below(folder) | results_below(output)
    grouping = group_folder(folder, GroupSettings(by, count, pattern, gap, raw, join), without=output, results=results)
    planned = plan_jobs(grouping.brackets, output, names)
    if preview is not None:
        write_preview(preview, grouping, folder, output, overwrite=overwrite)
    if dry_run or preview is not None:
        print_plan(grouping, planned, folder, quiet=quiet, as_json=json)
        return
    check_brackets(grouping, folder)
    loaded = load_weights(options.chosen_model(chosen["model"], chosen["weights"]))
    settings = BatchSettings(loaded, options.fuse_options(chosen, compare=compare), hdr_suffix)
    with lock_output(output):
        manifest = Manifest(output, folder)
        resume(manifest, [job.output for job in planned])
        sets = candidate_sets(grouping.brackets, planned, False if chosen["like"] else match)
        plan = plan_batch(planned, manifest, settings.digest, sets, overwrite=overwrite, skip_existing=skip_existing)
        with BatchReport(grouping, plan, output, quiet=quiet, as_json=json) as report:
            run_batch(
                plan.jobs,
                settings,
                manifest,
                report,
                sets,
                max_concurrent=jobs,
                threads=threads,
                executor=executor,
                overwrite=overwrite,
            )
    report.print_summary()
    if report.is_imperfect:
        raise typer.Exit(SOME_FAILED)
