"""Options that mean the same in every command: declared once here, added to commands by `takes`."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from lightfuse.errors import DataError, LightFuseError
from lightfuse.fuser import DEFAULT_MODEL
from lightfuse.images.options import BitDepth, Compression, EncodeOptions, Subsampling
from lightfuse.looks import Look
from lightfuse.options import DEFAULT_OPTIONS, MAX_PIXELS, Border, Effort, Exposures, FuseOptions

Option = tuple[Any, Any]  # an annotated type, and the default
Chosen = Mapping[str, Any]  # the values of shared options, by name
_model = partial(typer.Option, rich_help_panel="Model")
_fusing = partial(typer.Option, rich_help_panel="How exposures become one picture")
_files = partial(typer.Option, rich_help_panel="How files are written")

Threads = Annotated[int | None, typer.Option(min=1, max=1024, help="Threads to use.", show_default="every core")]
Model = Annotated[str | None, _model(help=f"Name of a shipped model. [default: {DEFAULT_MODEL}]")]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="Shipped models to measure; may be repeated. [default: all]", show_default=False),
]
WeightsFile = Annotated[Path | None, _model(help="A .safetensors file to use instead of a shipped model.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON record a result on standard output.")]

MODEL: Mapping[str, Option] = {"model": (Model, None), "weights": (WeightsFile, None)}
"""Which model: see `chosen_model`."""

FUSING: Mapping[str, Option] = {
    "align": (Annotated[Effort, _fusing(help="Align frames to the base exposure.")], "auto"),
    "border": (Annotated[Border, _fusing(help="Edges a warped frame does not cover: fill or crop.")], "fill"),
    "deghost": (Annotated[Effort, _fusing(help="Take one exposure alone where something moved.")], "auto"),
    "exposures": (Annotated[Exposures, _fusing(help="Those that hold the scene best, or the extremes.")], "auto"),
    "look": (Annotated[Look, _fusing(help="A small tone adjustment after fusing.")], "natural"),
    "strength": (Annotated[float, _fusing(min=0, max=1, help="How much of the look.")], 1.0),
    "wrap": (Annotated[bool, _fusing("--wrap", help="360° pictures: left and right edge are neighbours.")], False),
    "white_level": (
        Annotated[float | None, typer.Option(min=1e-6, help="The value that is white, such as 4095 of 12 bits in 16.")],
        None,
    ),
    "like": (Annotated[Path | None, _fusing(metavar="FUSED", help="Take the tone of a fused picture.")], None),
    "max_pixels": (Annotated[int, typer.Option(min=1, help="Refuse pictures that claim more pixels.")], MAX_PIXELS),
}
"""How a bracket is fused: fields of `FuseOptions` by their own names."""

Bits = Literal["auto", "8", "10", "12", "16", "32"]
FILES: Mapping[str, Option] = {
    "quality": (Annotated[int, _files(min=1, max=100, help="Of JPEG, WebP, AVIF and JPEG XL.")], 95),
    "subsampling": (Annotated[Subsampling, _files(help="Of chroma; auto is 444 from quality 90 up.")], "auto"),
    "bit_depth": (Annotated[Bits, _files(help="Bits per sample; auto keeps the pictures' own.")], "auto"),
    "compression": (Annotated[Compression, _files(help="Of TIFF and PNG, lossless.")], "auto"),
    "lossless": (Annotated[bool, _files("--lossless", help="Lossless WebP, AVIF, JPEG XL.")], False),
    "strip": (Annotated[bool, _files("--strip", help="Leave out all metadata but the colour profile.")], False),
}
"""How results are written."""

REPORTING: Mapping[str, Option] = {"quiet": (Quiet, False), "json": (Json, False)}  # what is printed


def takes(*groups: Mapping[str, Option]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add groups of shared options to a command, whose keyword ``chosen`` receives their values (`Chosen`)."""
    shared = {name: option for group in groups for name, option in group.items()}
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(n, keyword, default=default, annotation=kind) for n, (kind, default) in shared.items()]

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**values: Any) -> None:
            chosen = {name: values.pop(name) for name in shared}
            command(**values, chosen=chosen)

        signature = inspect.signature(command)
        own = [parameter.replace(kind=keyword) for name, parameter in signature.parameters.items() if name != "chosen"]
        run.__signature__ = signature.replace(parameters=own + added)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in own + added}
        return run

    return add


def chosen_model(model: str | None, weights: Path | None) -> str | Path:
    """The weights file if one was given, else the model's name; raises LightFuseError if both were."""
    if weights is None:
        return model or DEFAULT_MODEL
    if model is not None:
        raise LightFuseError("give --model or --weights, not both")
    return weights


def picture_size(text: str, most_pixels: int) -> tuple[int, int]:
    """``1344x896`` as (1344, 896). Raises DataError for anything else, or more pixels than allowed."""
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise DataError(f"--size {text!r} is not a width and a height in pixels, such as 1344x896")
    if int(width) * int(height) > most_pixels:
        raise DataError(f"--size {text!r} is more than {most_pixels:,} pixels; give a smaller one")
    return int(width), int(height)


def fuse_options(chosen: Chosen, **others: Any) -> FuseOptions:
    """`FuseOptions` from the values of `FUSING` and `FILES`, and other fields by name."""
    bits = chosen["bit_depth"]
    encode = EncodeOptions(
        quality=chosen["quality"],
        subsampling=chosen["subsampling"],
        bit_depth=cast(BitDepth, bits if bits == "auto" else int(bits)),
        compression=chosen["compression"],
        lossless=chosen["lossless"],
    )
    if chosen.get("like") is not None:
        from lightfuse.pipeline import read_tone

        others["tone"] = read_tone(chosen["like"])
    known = {field.name for field in fields(DEFAULT_OPTIONS)}
    named = {name: value for name, value in chosen.items() if name in known}
    return FuseOptions(encode=encode, **named, **others)
