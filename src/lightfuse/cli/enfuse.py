"""``lightfuse-enfuse``: fuses on enfuse's command line, for the programs that run a command called ``enfuse``."""

import getopt
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn, cast

from lightfuse.cli.app import run_and_exit, show
from lightfuse.errors import LightFuseError, OutputError, PictureError
from lightfuse.images.options import BitDepth, Compression, EncodeOptions, check_options, format_of
from lightfuse.looks import LOOKS
from lightfuse.options import FuseOptions

PROGRAM = "lightfuse-enfuse"
ENFUSE_VERSION = "4.2"
"""The release of enfuse whose options are known here; programs choose theirs by it."""
_USAGE = f"""Usage: {PROGRAM} [options] [--output=IMAGE] INPUT...
Fuse INPUT images, aligned exposures of one scene, into a single IMAGE by LightFuse.

INPUT are image filenames, or response filenames that start with "@": lists of names, one a line.

  -o, --output=FILE          write FILE, replacing what is there; default: "a.tif"
  -d, --depth=DEPTH          bits per channel: 8, 16, or 32 (float), where the format has them
  --compression=COMPRESSION  of TIFF: none, lzw, deflate; of JPEG: quality, 0 to 100
  -w, --wrap[=MODE]          horizontal, both: left and right edge are neighbours, as in 360° pictures
  -v, --verbose              say what is done, and which options have no effect
  --model=NAME, --look=LOOK  as "lightfuse fuse" has them

Other options of enfuse {ENFUSE_VERSION} are accepted and have no effect, for the network decides what they steer:
weights, levels, masks, color spaces. Those of focus stacking (--hard-mask) and --load-masks are refused.
"""

_SHORT = {
    "-o": "output", "-d": "depth", "-f": "size", "-v": "verbose", "-V": "version", "-h": "help",
    "-l": "levels", "-c": "ciecam", "-g": "gimp", "-w": "wrap", "-b": "blocksize", "-m": "cache",
}  # fmt: skip
_OBEYED = ("output", "depth", "compression", "size", "model", "look", "verbose", "wrap", "version", "help")
_REFUSED = {
    **dict.fromkeys(("hard-mask", "HardMask"), "is for focus stacks, which LightFuse does not fuse"),
    "load-masks": "cannot be obeyed, for LightFuse has no weight masks",
}
# What getopt is told; without effect are those of enfuse 4.2 and of the names that 3 and 4.0 had for them.
_SHORT_FORMS = "o:d:f:vVhl:cgwb:m:"
_WITHOUT_VALUE = ("version", "help", "hard-mask", "HardMask", "ciecam", "no-ciecam", "soft-mask", "SoftMask", "gimp")
_WITH_VALUE = (
    "output", "depth", "compression", "size", "model", "look", "verbose", "wrap", "load-masks", "save-masks",
    "exposure-weight", "saturation-weight", "contrast-weight", "entropy-weight", "exposure-optimum", "exposure-width",
    "exposure-mu", "exposure-sigma", "exposure-weight-function", "exposure-cutoff", "contrast-edge-scale",
    "contrast-min-curvature", "contrast-window-size", "gray-projector", "entropy-window-size", "entropy-cutoff",
    "levels", "blend-colorspace", "fallback-profile", "layer-selector", "parameter", "no-parameter", "blocksize",
    "cache", "wExposure", "wSaturation", "wContrast", "wEntropy", "wMu", "wSigma", "ContrastWindowSize", "EdgeScale",
    "MinCurvature", "GrayProjector", "EntropyWindowSize", "EntropyCutoff",
)  # fmt: skip
_LONG_FORMS = [*_WITHOUT_VALUE, *(f"{name}=" for name in _WITH_VALUE)]
_VALUE_OPTIONAL = ("--verbose", "--wrap", "--load-masks", "--save-masks")
_NUMBER = re.compile(r"[-+]?[\d.]+")
_COMPRESSIONS = {"none": "none", "lzw": "lzw", "deflate": "deflate", "packbits": "lzw", "jpeg": "deflate"}
_WRAPPED = ("", "horizontal", "both")
_DEPTHS = {"8": 8, "16": 16, "32": 32, "r32": 32, "r64": 32}


@dataclass
class Request:
    """What a command line asks for: options by their long names, and notes on those without effect."""

    options: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def main() -> NoReturn:
    """Run the program and exit: 0 done, 2 usage or bad input, 130 interrupted."""
    run_and_exit(PROGRAM, lambda: _run(sys.argv[1:]))


def _run(arguments: list[str]) -> None:
    request = parse(arguments)
    if "help" in request.options:
        show(_USAGE.rstrip())
    elif "version" in request.options:
        from lightfuse import __version__

        show(f"enfuse {ENFUSE_VERSION}\n\nLightFuse {__version__}, taking the options of enfuse {ENFUSE_VERSION}.")
    else:
        _fuse(request)


def parse(arguments: Iterable[str]) -> Request:
    """Take a command line apart as enfuse does: options and inputs in any order, inputs alone after ``--``.

    Raises:
        LightFuseError: an option is unknown, lacks its value, or is refused.
    """
    words = [f"{word}=" if word in _VALUE_OPTIONAL else word for word in arguments]
    try:
        options, inputs = getopt.gnu_getopt(words, _SHORT_FORMS, _LONG_FORMS)
    except getopt.GetoptError as error:
        raise LightFuseError(f"{error.msg}; see {PROGRAM} --help") from None
    request = Request(inputs=inputs)
    for option, value in options:
        name = _SHORT.get(option, option[2:])
        if name in _REFUSED:
            raise LightFuseError(f"--{name} {_REFUSED[name]}; use enfuse for it")
        if name in _OBEYED:
            request.options[name] = value
        else:
            request.notes.append(f"--{name}{'=' if value else ''}{value} has no effect: the network decides on it")
    return request


def _fuse(request: Request) -> None:
    import numpy as np

    from lightfuse.fuser import DEFAULT_MODEL, Fuser
    from lightfuse.images import read_picture, write_picture
    from lightfuse.pipeline import fuse_files

    inputs = [name for word in request.inputs for name in _named_by(word)]
    if not inputs:
        raise PictureError(f"no input files given; see {PROGRAM} --help")
    output = request.options.get("output", "a.tif")
    options = fuse_options(request, output)
    if len(inputs) == 1:  # Hugin sends stacks of one, and expects them to be passed on.
        picture = read_picture(inputs[0], transparent=True)
        layers = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
        write_picture(output, np.dstack(layers), picture.metadata, options.encode, overwrite=True)
        notes, (height, width, _) = ["one input image: the output is the same"], picture.pixels.shape
    else:
        report = fuse_files(inputs, output, Fuser(request.options.get("model", DEFAULT_MODEL)), options)
        notes, height, width = report.notes, report.height, report.width
    if verbose := "verbose" in request.options:
        notes = [*notes, *request.notes]
    for note in notes:
        print(f"{PROGRAM}: note: {note}", file=sys.stderr)
    if verbose:
        print(f"{PROGRAM}: info: {len(inputs)} images fused to {output}, {width}x{height}", file=sys.stderr)


def _named_by(word: str) -> list[str]:
    """An input's file name; or, of a response file (``@FILE``), those that it names.

    Each line is a name; ``#`` starts a comment. Relative names hold from the current folder or, where nothing is there,
    from the response file's.

    Raises:
        PictureError: a response file cannot be read.
    """
    if not word.startswith("@"):
        return [word]
    path = Path(word[1:])
    try:
        lines = path.read_text(errors="surrogateescape").splitlines()
    except OSError as error:
        raise PictureError(f"the response file {path} cannot be read: {error.strerror}") from None
    names = [line for line in map(str.strip, lines) if line and not line.startswith("#")]
    beside = {name: str(path.parent / name) for name in names}
    return [beside[n] if not os.path.lexists(n) and os.path.lexists(beside[n]) else n for n in names]


def fuse_options(request: Request, output: str) -> FuseOptions:
    """The options of `fuse_files`: frames are aligned already; depth and compression as far as the format has them.

    Raises:
        LightFuseError: a value is none of enfuse's.
    """
    look = request.options.get("look", "natural")
    if look not in LOOKS:
        raise LightFuseError(f"--look={look} is none of {', '.join(LOOKS)}")
    wrap = request.options.get("wrap", "none").lower() in _WRAPPED
    encode = _compressed(request, output)
    if "depth" in request.options:
        value, suffix = request.options["depth"].lower(), Path(output).suffix
        if value not in _DEPTHS:
            raise LightFuseError(f"--depth={value} is none of {', '.join(_DEPTHS)}")
        deep = replace(encode, bit_depth=cast(BitDepth, _DEPTHS[value]))
        try:
            check_options(deep, format_of(suffix))
            encode = deep
        except OutputError:
            request.notes.append(f"--depth={value} has no effect: {suffix} files do not have it")
    return FuseOptions(align="off", encode=encode, overwrite=True, look=look, wrap=wrap)


def _compressed(request: Request, output: str) -> EncodeOptions:
    if "compression" not in request.options:
        return EncodeOptions()
    value = request.options["compression"].lower()
    kind, _, level = value.replace("=", ":").partition(":")
    number = level if kind in ("jpeg", "jpeg-arith") else kind
    if kind not in (*_COMPRESSIONS, "jpeg-arith") and not _NUMBER.fullmatch(kind):
        raise LightFuseError(f"unrecognized compression {value!r}; see {PROGRAM} --help")
    target = format_of(Path(output).suffix)
    if target == "TIFF" and kind in _COMPRESSIONS:
        return EncodeOptions(compression=cast(Compression, _COMPRESSIONS[kind]))
    if target == "JPEG" and _NUMBER.fullmatch(number):
        return EncodeOptions(quality=min(100, max(1, round(float(number)))))
    request.notes.append(f"--compression={value} has no effect on {target} files")
    return EncodeOptions()
