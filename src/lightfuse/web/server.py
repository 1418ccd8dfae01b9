"""A small static server for the page: its own files and nothing else, with the headers that a browser wants to see."""

import re
import socket
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lightfuse.errors import LightFuseError

STATIC = Path(__file__).parent / "static"

MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}
"""The media type of each kind of file the page is made of; files of other kinds are no part of it."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob:; "
        "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
"""What goes with every answer."""


def page_files(static: Path = STATIC) -> dict[str, Path]:
    """Every file of the page by its path relative to ``index.html``, with ``/`` between folders."""
    return {
        path.relative_to(static).as_posix(): path
        for path in sorted(static.rglob("*"))
        if path.is_file() and path.suffix in MEDIA_TYPES
    }


class PageServer(ThreadingHTTPServer):
    """Serves the page at an address; ``url`` is where. Use it as a context manager, and call ``serve_forever``."""

    daemon_threads = True

    def __init__(self, host: str = "127.0.0.1", port: int = 8000, static: Path = STATIC) -> None:
        """Take the address; port 0 takes any that is free.

        Raises:
            LightFuseError: the address cannot be had, or the page's files are missing.
        """
        # Only what is in this table is ever served: no path of a request reaches the disk.
        self.files = page_files(static)
        if "index.html" not in self.files:
            raise LightFuseError(f"the page's files are missing from {str(static)!r}; install LightFuse again")
        self.files[""] = self.files["index.html"]
        own = socket.gethostname().lower()
        self._names = {"localhost", host.lower(), own, f"{own}.local"}
        try:
            super().__init__((host, port), _Handler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise LightFuseError(
                f"cannot serve at {host}, port {port}: {why}; choose another with --port, or --port 0 for any free one"
            ) from None

    def is_own_name(self, host: str, address: str) -> bool:
        """Whether a Host header names this server, reached at `address`.

        A page of another site whose name was made to point here (DNS rebinding) asks under that name.
        """
        name = re.sub(r":\d*$", "", host).lower().rstrip(".")
        return name == address or name in self._names

    @property
    def url(self) -> str:
        """Where the page is to be found."""
        host, port = self.server_address[:2]
        return f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else str(host)}:{port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up in the middle of an answer is nobody's concern."""


class _Handler(BaseHTTPRequestHandler):
    """Answers one request a connection, as HTTP/1.0 does: what a request carries besides its head is never read."""

    server: PageServer
    server_version = "LightFuse"
    sys_version = ""
    default_request_version = "HTTP/1.0"  # So that even the answer to a malformed request has a status and headers.
    timeout = 30  # seconds that a silent connection may hold a thread

    def do_GET(self) -> None:
        if not self.server.is_own_name(self.headers.get("Host", ""), self.connection.getsockname()[0]):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, explain="This server does not have that name")
            return
        path = self.server.files.get(unquote(self.path.partition("?")[0]).removeprefix("/"))
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        body = path.read_bytes()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", MEDIA_TYPES[path.suffix])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads a log of their own clicks."""

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()
