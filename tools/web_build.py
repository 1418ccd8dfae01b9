"""Makes what the page needs and nobody writes by hand: the WebAssembly core, the sample pair, and the list of files.

``python -m tools.web_build`` (``make web``) puts all three into ``static/``; the WebAssembly needs the ``ziglang``
package, whose ``zig cc`` is the compiler. The same sources and the same ziglang give the same bytes.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import textwrap
from importlib import metadata
from pathlib import Path

from lightfuse.errors import LightFuseError, OutputError
from lightfuse.export.c import weights_header
from lightfuse.models import load_weights
from lightfuse.web.server import STATIC, page_files

MODELS = ("small", "base")
"""The models the page and the JavaScript package have, in the order of their numbers."""

LIST_NAME = "files.js"
"""The list by which the page's service worker keeps its files for use offline."""

RECORD = "engine/build.json"
"""Which compiler made the WebAssembly, and a digest of what it was made from."""

_NOT_CACHED = (LIST_NAME, "service-worker.js", RECORD)
_PACKAGE = STATIC.parents[1]
_WASM = Path(__file__).parent / "wasm"
_SHORT = ("-fno-vectorize", "-fno-slp-vectorize", "-fno-unroll-loops", "-mllvm", "-inline-threshold=-100")
BUILDS: dict[str, dict[Path, tuple[str, ...]]] = {
    "engine/lightfuse.wasm": {_WASM / "lightfuse_wasm.c": (), _WASM / "align_wasm.c": _SHORT},
    "engine/lightfuse-deghost.wasm": {_WASM / "deghost_wasm.c": ("-O2",)},
}
"""The builds: fusing with registration, and deghosting; of each the C files, with flags of their own. Registration
takes most of its time in loops written as vectors."""
_SOURCES = {source: flags for sources in BUILDS.values() for source, flags in sources.items()}
_TARGET = ("-target", "wasm32-freestanding", "-mcpu=generic+simd128", "-Os")
_FLAGS = (
    *("-std=c11", "-Wall", "-Wextra", "-Wno-unknown-pragmas"),
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fno-sanitize=all"),
)
_LINKING = ("-nostdlib", "-Wl,--no-entry", "-Wl,--strip-all")
_SAMPLE_SIZE = (1500, 1000)
_SAMPLE_QUALITY = 82


def build(static: Path = STATIC) -> None:
    """Make everything anew in a folder laid out like ``static/``.

    Raises:
        LightFuseError: ziglang is missing or does not compile the core.
        OutputError: the folder cannot be written.
    """
    try:
        for name in BUILDS:
            (static / name).write_bytes(compiled(name))
        record = {"ziglang": ziglang_version(), "sources": sources_digest()}
        (static / RECORD).write_text(json.dumps(record, indent=2) + "\n")
        write_samples(static / "sample")
        (static / LIST_NAME).write_text(listed_files(static))
    except OSError as error:
        raise OutputError(f"cannot write {str(error.filename)!r}: {error.strerror}") from None


def compiled(name: str) -> bytes:
    """One of `BUILDS`. Raises LightFuseError as `build` does."""
    if ziglang_version() is None:
        raise LightFuseError("the WebAssembly core is compiled by zig: pip install ziglang")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder)
        shutil.copytree(_PACKAGE / "core", made / "core", ignore=shutil.ignore_patterns("*.so", "*.py*"))
        (made / "weights.h").write_text(_models_header())
        for source, flags in BUILDS[name].items():
            shutil.copy(source, made)
            _zig(made, *_TARGET, *_FLAGS, *flags, "-I", "core", "-c", source.name, "-o", f"{source.stem}.o")
        _zig(made, *_TARGET, *_LINKING, *(f"{source.stem}.o" for source in BUILDS[name]), "-o", "out.wasm")
        return (made / "out.wasm").read_bytes()


def _zig(folder: Path, *arguments: str) -> None:
    # Run in the folder itself, so that no path of this machine can get into the result.
    command = [sys.executable, "-m", "ziglang", "cc", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise LightFuseError(f"zig could not compile the core: {done.stderr.strip()}")


def _models_header() -> str:
    """``weights.h``: the weights of all `MODELS`, and ``lfw_models``, pointers to them."""
    headers = [weights_header(load_weights(model)) for model in MODELS]
    models = ", ".join(f"&lightfuse_{model}" for model in MODELS)
    table = f"static const lf_context_model *const lfw_models[LFW_MODELS] = {{{models}}};\n"
    return "\n".join([*headers, f"enum {{ LFW_MODELS = {len(MODELS)} }};", table])


def sources_digest() -> str:
    """SHA-256 of what the WebAssembly is made from: the core's headers, the C files, the weights, and the flags."""
    core = _PACKAGE / "core"
    headers = sorted([*(core / f"{name}.h" for name in ("lightfuse", "align", "deghost")), *core.glob("*/*.h")])
    hashed = hashlib.sha256()
    for path in (*headers, *_SOURCES):
        hashed.update(f"{path.name} ".encode() + path.read_bytes())
    hashed.update(_models_header().encode())
    hashed.update(json.dumps([_TARGET, _FLAGS, *_SOURCES.values(), _LINKING]).encode())
    return hashed.hexdigest()


def ziglang_version() -> str | None:
    """The version of the installed ziglang package, or None."""
    try:
        return metadata.version("ziglang")
    except metadata.PackageNotFoundError:
        return None


def write_samples(folder: Path) -> None:
    """``under.jpg`` and ``over.jpg``, the pair that the page offers to try. Raises OSError."""
    import imagecodecs

    from tools.synthetic import sample_pair

    pictures = sample_pair(*_SAMPLE_SIZE, noise=False)
    for name, picture in zip(("under", "over"), pictures, strict=True):
        (folder / f"{name}.jpg").write_bytes(imagecodecs.jpeg8_encode(picture, level=_SAMPLE_QUALITY, optimize=True))


def listed_files(static: Path = STATIC) -> str:
    """The text of ``files.js``: what to keep for use offline, and a version that changes with any byte of it."""
    hashed, names = hashlib.sha256(), []
    for name, path in page_files(static).items():
        if name not in _NOT_CACHED:
            names.append(name)
            hashed.update(f"{name} ".encode() + path.read_bytes())
    files = textwrap.fill(json.dumps(["./", *names]), 120, break_long_words=False, break_on_hyphens=False)
    version = hashed.hexdigest()[:16]
    return f'// Made by tools.web_build.\nself.LIGHTFUSE = {{ version: "{version}", files:\n{files} }};\n'


if __name__ == "__main__":
    try:
        build()
    except LightFuseError as problem:
        sys.exit(f"lightfuse: {problem}")
