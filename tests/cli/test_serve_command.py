"""``lightfuse serve``: what it answers, what it refuses, and how it ends."""

import http.client
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest

from lightfuse.web.server import STATIC, PageServer, page_files

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


def raw_answer(server, request):
    with socket.create_connection(server.server_address[:2], timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *[(host, 200) for host in ("localhost", "LOCALHOST:8000", "127.0.0.1:1", "localhost.", socket.gethostname())],
        *[
            (host, 421)
            for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "192.0.2.1", "[::1]")
        ],
        *[
            (host, 421)
            for host in ("", "localhost:x", "localhost@evil.example", "localhost/evil", "0.0.0.0", "127.0.0.2")
        ],
    ],
)
def test_only_its_own_names_are_answered(server, host, status):
    answer = raw_answer(server, f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 %d " % status)
    assert (b"<title>LightFuse" in body) == (status == 200)
    assert b"Content-Security-Policy: " in head


def test_a_server_of_the_network_answers_to_the_address_it_is_reached_at():
    with PageServer("0.0.0.0", 0) as running:
        assert running.is_own_name("192.0.2.7:8000", "192.0.2.7")
        assert not running.is_own_name("192.0.2.8:8000", "192.0.2.7")
        assert not running.is_own_name("evil.example", "192.0.2.7")


@pytest.mark.parametrize(
    ("request_line", "host", "status"),
    [
        *[(line, "localhost", 400) for line in (
            b"GET", b"/", b"GET / HTTP/1.1 more", b"GET / HTTP/x.1", b"GET / HTTP", b"GET / http/1.1",
            b"\x16\x03\x01\x02\x00\x01",
        )],
        *[(line, "localhost", 404) for line in (
            b"GET index.html/ HTTP/1.1", b"GET http://[ HTTP/1.1", b"GET /\0 HTTP/1.1", b"GET /\xff HTTP/1.1",
            b"GET //evil/ HTTP/1.1",
        )],
        (b"GET / HTTP/1.1", None, 421),
        (b"GET / HTTP/2.0", "localhost", 505),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1", "localhost", 414),
        (b"GET / HTTP/1.0", "localhost", 200),
    ],
)  # fmt: skip
def test_malformed_requests_get_their_status(server, request_line, host, status):
    header = b"" if host is None else f"Host: {host}\r\n".encode()
    answer = raw_answer(server, request_line + b"\r\n" + header + b"\r\n")
    assert answer.startswith(b"HTTP/1.0 %d " % status)
    assert b"Content-Security-Policy: " in answer


def test_a_body_is_not_taken_for_the_next_request(server):
    inner = b"GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n"
    outer = b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(inner)
    assert raw_answer(server, outer + inner).count(b"HTTP/1.0 ") == 1


def test_other_methods_are_refused(server):
    assert answered(server, "/", "POST")[0] == 501


def test_a_port_in_use_is_told(tmp_path, refused):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        sentence = refused(tmp_path, "serve", "--port", taken.getsockname()[1])
    assert "in use" in sentence
    assert "--port" in sentence


def test_an_address_that_is_not_ours_is_told(tmp_path, refused):
    assert "192.0.2.1" in refused(tmp_path, "serve", "--host", "192.0.2.1", "--port", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
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
