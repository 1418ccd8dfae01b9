"""The page's files: which there are, and the list by which its service worker keeps them for use offline."""

import hashlib
import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

STATIC = Path(__file__).parent / "static"
LIST_NAME = "files.js"

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".wasm": "application/wasm",
        ".webmanifest": "application/manifest+json",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".jpg": "image/jpeg",
    }
)
"""The media type of each kind of file the page is made of; files of other kinds are no part of it."""

_NOT_CACHED = (LIST_NAME, "service-worker.js", "engine/build.json")


def page_files(static: Path = STATIC) -> dict[str, Path]:
    """Every file of the page by its path relative to ``index.html``, with ``/`` between folders."""
    return {
        path.relative_to(static).as_posix(): path
        for path in sorted(static.rglob("*"))
        if path.is_file() and path.suffix in MEDIA_TYPES
    }


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
