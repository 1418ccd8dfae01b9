"""``lightfuse-enfuse``: fuses on enfuse's command line, for the programs that run a command called ``enfuse``."""

import glob
import os
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NoReturn, cast

from lightfuse.cli.app import run_and_exit
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

Takes = Literal["nothing", "value", "optional"]
_OBEYED: dict[str, Takes] = {
    **dict.fromkeys(("output", "depth", "compression", "size", "model", "look"), "value"),
    "verbose": "optional", "wrap": "optional", "version": "nothing", "help": "nothing",
}  # fmt: skip
_REFUSED = {
    **dict.fromkeys(("hard-mask", "HardMask"), "is for focus stacks, which LightFuse does not fuse"),
    "load-masks": "cannot be obeyed, for LightFuse has no weight masks",
}
# Of enfuse 4.2, and by the names that 3 and 4.0 had for them.
_IGNORED: dict[str, Takes] = {
    "save-masks": "optional",
    **dict.fromkeys(("ciecam", "no-ciecam", "soft-mask", "SoftMask", "gimp"), "nothing"),
    **dict.fromkeys((
        "levels", "blend-colorspace", "fallback-profile", "layer-selector", "parameter", "no-parameter",
        "exposure-weight-function", "exposure-cutoff", "contrast-edge-scale", "contrast-min-curvature",
        "contrast-window-size", "gray-projector", "entropy-window-size", "entropy-cutoff", "ContrastWindowSize",
        "EdgeScale", "MinCurvature", "GrayProjector", "EntropyWindowSize", "EntropyCutoff", "blocksize", "cache",
    ), "value"),
}  # fmt: skip
_KNOWN: dict[str, Takes] = {**_OBEYED, **_IGNORED, **dict.fromkeys(_REFUSED, "optional")}
_SHORT = {
    "o": "output", "d": "depth", "f": "size", "v": "verbose", "V": "version", "h": "help",
    "l": "levels", "c": "ciecam", "g": "gimp", "w": "wrap", "b": "blocksize", "m": "cache",
}  # fmt: skip
_WEIGHT = re.compile(r"(\w+-)*(weight|optimum|width|sigma|mu)|w[A-Z]\w*")
"""Weights and their parameters: --exposure-weight, --exposure-sigma, --wMu …, also those that this enfuse lacks."""
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
        print(_USAGE, end="")
    elif "version" in request.options:
        from lightfuse import __version__

        print(f"enfuse {ENFUSE_VERSION}\n\nLightFuse {__version__}, taking the options of enfuse {ENFUSE_VERSION}.")
    else:
        _fuse(request)


def parse(arguments: Iterable[str]) -> Request:
    """Take a command line apart as getopt_long does: options and inputs in any order, inputs alone after ``--``.

    Raises:
        LightFuseError: an option is unknown, lacks its value, or is refused.
    """
    request, words = Request(), deque(arguments)
    while words:
        word = words.popleft()
        if word == "--":
            request.inputs += words
            break
        if word.startswith("--"):
            _take(request, *_long(word, words))
        elif word.startswith("-") and word != "-":
            for name, value in _cluster(word[1:], words):
                _take(request, name, value)
        else:
            request.inputs.append(word)
    return request


def _long(word: str, words: deque[str]) -> tuple[str, str]:
    name, equals, value = word[2:].partition("=")
    if name not in _KNOWN and _WEIGHT.fullmatch(name):
        return name, value if equals or not words or not _NUMBER.fullmatch(words[0]) else words.popleft()
    if name not in _KNOWN or (equals and _KNOWN[name] == "nothing"):
        raise LightFuseError(f"unknown option {word}; see {PROGRAM} --help")
    return name, value if equals else _value_of(word, _KNOWN[name], words)


def _cluster(letters: str, words: deque[str]) -> Iterator[tuple[str, str]]:
    """The options of a word such as ``cvo`` or ``f100x80``; what follows one that takes a value is that value."""
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter not in _SHORT:
            raise LightFuseError(f"unknown option -{letter}; see {PROGRAM} --help")
        name = _SHORT[letter]
        if _KNOWN[name] != "nothing":
            yield name, letters or _value_of(f"-{letter}", _KNOWN[name], words)
            return
        yield name, ""


def _value_of(option: str, takes: Takes, words: deque[str]) -> str:
    if takes == "value" and not words:
        raise LightFuseError(f"option {option} needs a value; see {PROGRAM} --help")
    return words.popleft() if takes == "value" else ""


def _take(request: Request, name: str, value: str) -> None:
    if name in _REFUSED:
        raise LightFuseError(f"--{name} {_REFUSED[name]}; use enfuse for it")
    if name in _OBEYED:
        request.options[name] = value
    else:
        request.notes.append(f"--{name}{'=' if value else ''}{value} has no effect: the network decides on it")


def _fuse(request: Request) -> None:
    import numpy as np

    from lightfuse.fuser import DEFAULT_MODEL, Fuser
    from lightfuse.images import read_picture, write_picture
    from lightfuse.pipeline import fuse_files

    inputs = [path for name in request.inputs for path in unfolded(name)]
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


def unfolded(name: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
    """An input's file name; or, of a response file (``@FILE``), those that it names.

    Each line is a name or another response file; ``#`` starts a comment, ``#glob: wildcard`` turns the lines after it
    into patterns. Relative names hold from the current folder or, where nothing is there, from the response file's.

    Raises:
        PictureError: a response file cannot be read, or names itself.
    """
    if not name.startswith("@"):
        yield name
        return
    path = Path(name[1:])
    if os.path.realpath(path) in seen:
        raise PictureError(f"the response file {path} names itself")
    try:
        lines = path.read_text(errors="surrogateescape").splitlines()
    except OSError as error:
        raise PictureError(f"the response file {path} cannot be read: {error.strerror}") from None
    patterns = False
    for line in filter(None, (line.strip() for line in lines)):
        if setting := re.fullmatch(r"#\s*(?:layer-)?glob(?:bing)?\s*:\s*([\w-]+)", line):
            patterns = setting[1] not in ("literal", "none")
        elif not line.startswith("#"):
            mark, target = ("@", line[1:].strip()) if line.startswith("@") else ("", line)
            found = sorted(glob.glob(target) or glob.glob(str(path.parent / target))) if patterns else []
            for each in found or [target]:
                beside = path.parent / each
                there = str(beside) if not os.path.lexists(each) and os.path.lexists(beside) else each
                yield from unfolded(mark + there, (*seen, os.path.realpath(path)))


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
