"""``lightfuse serve``: what it answers, what it refuses, and how it ends."""

import http.client
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

from lightfuse.web.files import STATIC, page_files
from lightfuse.web.server import PageServer

pytestmark = pytest.mark.network


@pytest.fixture
def server():
    with PageServer(port=0) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def answered(server, path, method="GET"):
    connection = http.client.HTTPConnection(*server.server_address[:2])
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_every_file_of_the_page_is_served_with_its_type_and_the_headers_browsers_need(server):
    types = {}
    for name, path in page_files().items():
        status, headers, body = answered(server, f"/{name}?some=query")
        assert (status, body) == (200, path.read_bytes())
        types[path.suffix] = headers["Content-Type"]
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert types[".wasm"] == "application/wasm"
    assert types[".js"].startswith("text/javascript")
    assert types[".webmanifest"] == "application/manifest+json"


def test_the_root_is_the_page(server):
    status, headers, body = answered(server, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert body == (STATIC / "index.html").read_bytes()
    assert answered(server, "/", "HEAD")[1:] == (headers | {"Date": answered(server, "/", "HEAD")[1]["Date"]}, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/../../__init__.py",
        "/%2e%2e/server.py",
        "/..%2fserver.py",
        "/engine/../../server.py",
        "//etc/passwd",
        "/engine/",
        "/engine",
        "/engine/..\\..\\server.py",
        "/nothing.html",
        "/%00",
    ],
)
def test_nothing_else_is_and_no_folder_is_listed(server, path):
    status, headers, body = answered(server, path)
    assert status == 404
    assert b"import" not in body
    assert b"core.js" not in body
    assert "Content-Security-Policy" in headers


def test_other_methods_are_refused(server):
    assert answered(server, "/", "POST")[0] == 501


def test_a_port_in_use_is_told(tmp_path, refused):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        sentence = refused(tmp_path, "serve", "--port", taken.getsockname()[1])
    assert "is in use" in sentence
    assert "--port" in sentence


def test_an_address_that_is_not_ours_is_told(tmp_path, refused):
    assert "192.0.2.1" in refused(tmp_path, "serve", "--host", "192.0.2.1", "--port", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_serves_and_ends_when_told(number):
    program = [sys.executable, "-m", "lightfuse", "serve", "--port", "0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        address = re.search(r"http://localhost:(\d+)/", running.stdout.readline())
        connection = http.client.HTTPConnection("127.0.0.1", int(address[1]))
        connection.request("GET", "/")
        assert b"<title>LightFuse" in connection.getresponse().read()
        running.send_signal(number)
        _, told = running.communicate()
        connection.close()
    assert running.returncode == 130
    assert "Traceback" not in told
