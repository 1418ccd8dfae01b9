"""Options that mean the same in every command, defined once."""

from pathlib import Path
from typing import Annotated

import typer

from lightfuse.errors import LightFuseError
from lightfuse.fuser import DEFAULT_MODEL

Model = Annotated[
    str | None,
    typer.Option("--model", help=f"Name of a shipped model. [default: {DEFAULT_MODEL}]", rich_help_panel="Model"),
]
WeightsFile = Annotated[
    Path | None,
    typer.Option("--weights", help="A .safetensors file to use instead of a shipped model.", rich_help_panel="Model"),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, max=1024, help="Threads to use.", show_default="every core"),
]
Quality = Annotated[int, typer.Option("--quality", min=1, max=100, help="Quality of JPEG and WebP.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON record a result on standard output.")]
Patch = Annotated[int, typer.Option("--patch", min=8, help="Side of a patch in pixels.")]
MaxPixels = Annotated[int, typer.Option("--max-pixels", min=1, help="Refuse pictures that claim more pixels.")]


def chosen_model(model: str | None, weights: Path | None) -> str | Path:
    """The weights file if one was given, else the model's name; naming both is a mistake."""
    if weights is None:
        return model or DEFAULT_MODEL
    if model is not None:
        raise LightFuseError("give --model or --weights, not both")
    return weights
