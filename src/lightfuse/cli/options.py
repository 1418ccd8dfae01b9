"""Options that mean the same in every command, defined once."""

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from lightfuse.errors import LightFuseError
from lightfuse.fuser import DEFAULT_MODEL
from lightfuse.fusing import Border, Effort, Exposures
from lightfuse.images.options import BitDepth, Compression, EncodeOptions, Subsampling
from lightfuse.looks import Look

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
_FILE = "How files are written"
Quality = Annotated[
    int,
    typer.Option("--quality", min=1, max=100, help="Of JPEG, WebP, AVIF and JPEG XL.", rich_help_panel=_FILE),
]
SubsamplingOption = Annotated[
    Subsampling,
    typer.Option("--subsampling", help="Of chroma; auto is 444 from quality 90 up.", rich_help_panel=_FILE),
]
BitDepthOption = Annotated[
    Literal["auto", "8", "10", "12", "16", "32"],
    typer.Option("--bit-depth", help="Bits per sample; auto keeps the pictures' own.", rich_help_panel=_FILE),
]
CompressionOption = Annotated[
    Compression, typer.Option("--compression", help="Of TIFF and PNG, without loss.", rich_help_panel=_FILE)
]
Lossless = Annotated[bool, typer.Option("--lossless", help="WebP, AVIF, JPEG XL without loss.", rich_help_panel=_FILE)]
Strip = Annotated[
    bool, typer.Option("--strip", help="Leave all metadata out but the colour profile.", rich_help_panel=_FILE)
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON record a result on standard output.")]
_HOW = "How exposures become one picture"
Align = Annotated[
    Effort,
    typer.Option("--align", help="Move frames onto the base exposure where they agree better.", rich_help_panel=_HOW),
]
BorderOption = Annotated[
    Border, typer.Option("--border", help="Edges a moved frame does not reach: fill or crop.", rich_help_panel=_HOW)
]
Deghost = Annotated[
    Effort, typer.Option("--deghost", help="Let one frame speak where something moved.", rich_help_panel=_HOW)
]
ExposuresOption = Annotated[
    Exposures,
    typer.Option("--exposures", help="Those that hold the scene best, or the extremes.", rich_help_panel=_HOW),
]
LookOption = Annotated[Look, typer.Option("--look", help="A small change after fusing.", rich_help_panel=_HOW)]
Strength = Annotated[
    float, typer.Option("--strength", min=0, max=1, help="How much of the look.", rich_help_panel=_HOW)
]
Patch = Annotated[int, typer.Option("--patch", min=8, help="Side of a patch in pixels.")]
MaxPixels = Annotated[int, typer.Option("--max-pixels", min=1, help="Refuse pictures that claim more pixels.")]


def chosen_model(model: str | None, weights: Path | None) -> str | Path:
    """The weights file if one was given, else the model's name; naming both is a mistake."""
    if weights is None:
        return model or DEFAULT_MODEL
    if model is not None:
        raise LightFuseError("give --model or --weights, not both")
    return weights


def encode_options(
    quality: int, subsampling: Subsampling, bit_depth: str, compression: Compression, lossless: bool
) -> EncodeOptions:
    """How files are written, as the options say it."""
    bits = cast(BitDepth, bit_depth if bit_depth == "auto" else int(bit_depth))
    return EncodeOptions(quality, subsampling, bits, compression, lossless)
