"""Options that mean the same in every command: declared once here, added to commands by `takes`."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer

from lightfuse.errors import LightFuseError
from lightfuse.fuser import DEFAULT_MODEL
from lightfuse.images.options import BitDepth, Compression, EncodeOptions, Subsampling
from lightfuse.looks import Look
from lightfuse.options import DEFAULT_OPTIONS, MAX_PIXELS, Border, Effort, Exposures, FuseOptions

Option = tuple[Any, Any]
"""An annotated type, and the default."""
Chosen = Mapping[str, Any]
"""The values of shared options, by name."""

_FILES = "How files are written"
_FUSING = "How exposures become one picture"
_MODEL = "Model"

Threads = Annotated[
    int | None, typer.Option("--threads", min=1, max=1024, help="Threads to use.", show_default="every core")
]
Model = Annotated[
    str | None,
    typer.Option("--model", help=f"Name of a shipped model. [default: {DEFAULT_MODEL}]", rich_help_panel=_MODEL),
]
WeightsFile = Annotated[
    Path | None,
    typer.Option("--weights", help="A .safetensors file to use instead of a shipped model.", rich_help_panel=_MODEL),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON record a result on standard output.")]
Patch = Annotated[int, typer.Option("--patch", min=8, help="Side of a patch in pixels.")]


def _of(kind: Any, default: Any, *names: str, panel: str | None = None, **details: Any) -> Option:
    return Annotated[kind, typer.Option(*names, rich_help_panel=panel, **details)], default


MODEL: Mapping[str, Option] = {"model": (Model, None), "weights": (WeightsFile, None)}
"""Which model: see `chosen_model`."""

FUSING: Mapping[str, Option] = {
    "align": _of(Effort, "auto", "--align", help="Align frames to the base exposure.", panel=_FUSING),
    "border": _of(Border, "fill", "--border", help="Edges a warped frame does not cover: fill or crop.", panel=_FUSING),
    "deghost": _of(Effort, "auto", "--deghost", help="Take one exposure alone where something moved.", panel=_FUSING),
    "exposures": _of(
        Exposures, "auto", "--exposures", help="Those that hold the scene best, or the extremes.", panel=_FUSING
    ),
    "look": _of(Look, "natural", "--look", help="A small tone adjustment after fusing.", panel=_FUSING),
    "strength": _of(float, 1.0, "--strength", min=0, max=1, help="How much of the look.", panel=_FUSING),
    "max_pixels": _of(int, MAX_PIXELS, "--max-pixels", min=1, help="Refuse pictures that claim more pixels."),
}
"""How a bracket is fused: fields of `FuseOptions` by their own names."""

FILES: Mapping[str, Option] = {
    "quality": _of(int, 95, "--quality", min=1, max=100, help="Of JPEG, WebP, AVIF and JPEG XL.", panel=_FILES),
    "subsampling": _of(
        Subsampling, "auto", "--subsampling", help="Of chroma; auto is 444 from quality 90 up.", panel=_FILES
    ),
    "bit_depth": _of(
        Literal["auto", "8", "10", "12", "16", "32"],
        "auto",
        "--bit-depth",
        help="Bits per sample; auto keeps the pictures' own.",
        panel=_FILES,
    ),
    "compression": _of(Compression, "auto", "--compression", help="Of TIFF and PNG, lossless.", panel=_FILES),
    "lossless": _of(bool, False, "--lossless", help="Lossless WebP, AVIF, JPEG XL.", panel=_FILES),
    "strip": _of(bool, False, "--strip", help="Leave out all metadata but the colour profile.", panel=_FILES),
}
"""How results are written."""

REPORTING: Mapping[str, Option] = {"quiet": (Quiet, False), "json": (Json, False)}
"""What is printed."""


def takes(*groups: Mapping[str, Option]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add groups of shared options to a command, whose keyword ``chosen`` receives their values (`Chosen`)."""
    shared = {name: option for group in groups for name, option in group.items()}

    def add(command: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(command)
        own = [parameter for parameter in signature.parameters.values() if parameter.name != "chosen"]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for name, (kind, default) in shared.items()
        ]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            chosen = {name: values.pop(name) for name in shared}
            command(**values, chosen=chosen)

        parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + added
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return add


def chosen_model(model: str | None, weights: Path | None) -> str | Path:
    """The weights file if one was given, else the model's name.

    Raises:
        LightFuseError: both were given.
    """
    if weights is None:
        return model or DEFAULT_MODEL
    if model is not None:
        raise LightFuseError("give --model or --weights, not both")
    return weights


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
    known = {field.name for field in fields(DEFAULT_OPTIONS)}
    named = {name: value for name, value in chosen.items() if name in known}
    return FuseOptions(encode=encode, **named, **others)
