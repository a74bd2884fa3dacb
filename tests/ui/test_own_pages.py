"""The app's server answers to its own names and its own pages alone, and asks nobody anything."""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.ui.chromium import ROOT, serving
from ui.services.hosts import LOOPBACK, is_own, is_same_origin, names_of

#: Python runs it first in each process; every address that a process connects to or looks up is written down.
WATCH = """
import os, sys
def note(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        with open(os.environ["WATCHED"], "a") as file:
            file.write(f"{event} {arguments[0] if event.startswith('socket.get') else arguments[1]}\\n")
with open(os.environ["WATCHED"], "a") as file:
    file.write("watching\\n")
sys.addaudithook(note)
"""


@pytest.fixture(scope="module", params=["ui.serve", "streamlit"])
def server(request, tmp_path_factory) -> Iterator[tuple[int, Path]]:
    """The port of the app, served both ways, and where its connections are written down."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(WATCH)
    environment = {
        "PYTHONPATH": os.pathsep.join([str(folder / "hook"), str(ROOT)]), "WATCHED": folder / "watched",
        "UPGAN_CHECKPOINTS": folder, "UPGAN_DATA": folder / "data", "UPGAN_HOSTS": "kg.example.org",
    }  # fmt: skip
    with serving(folder / "app.log", request.param, **environment) as address:
        yield urlsplit(address).port or 0, folder / "watched"


def answer(port: int, host: str, origin: str | None, path: str = "/_stcore/stream", method: str = "GET") -> int:
    """The status that a request gets; for Streamlit's connection one that asks for a WebSocket."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *([] if origin is None else [f"Origin: {origin}"])]
    if path.endswith("stream"):
        key = base64.b64encode(os.urandom(16)).decode()
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())
        return int(connection.recv(100).split()[1])


@pytest.mark.browser
def test_only_its_own_pages_are_answered_and_nobody_is_asked(server):
    """A page that lets its name point here, one from elsewhere, another app of this machine; a proxy is let through."""
    port, watched = server
    own = f"localhost:{port}"
    for host, origin, allowed in (
        (own, None, True),
        (own, f"http://{own}", True),
        (f"127.0.0.1:{port}", f"http://127.0.0.1:{port}", True),
        ("kg.example.org", "https://kg.example.org", True),
        (own, "https://kg.example.org", True),
        ("evil.example", None, False),
        (f"evil.example:{port}", f"http://evil.example:{port}", False),
        (own, "http://evil.example", False),
        (own, f"http://localhost:{port + 1}", False),
        (own, "null", False),
        ("", None, False),
        (f"localhost@evil.example:{port}", None, False),
    ):
        said = f"{host} from {origin}"
        assert answer(port, host, origin) == (101 if allowed else 403), said
        for path in ("/", "/_stcore/health", "/_stcore/host-config", "/ask"):
            assert answer(port, host, origin, path) == (200 if allowed else 403), f"{path} of {said}"
        # Without a session it is refused anyway, but not taken in.
        put = answer(port, host, origin, "/_stcore/upload_file/none/none", "PUT")
        assert put in ((400, 403) if allowed else (403,)), said
    for path in ("/_stcore/metrics", "/_stcore/agent/openapi.json", "/ask/_stcore/metrics"):
        assert answer(port, own, None, path) == 404
    noted = watched.read_text().split("\n")
    assert noted[0] == "watching"
    outside = [line for line in noted if line.startswith("socket") and not any(name in line for name in LOOPBACK)]
    assert not outside


def test_the_names_follow_from_the_address(monkeypatch):
    monkeypatch.delenv("UPGAN_HOSTS", raising=False)
    assert names_of("127.0.0.1") == LOOPBACK
    assert names_of("192.0.2.7") == LOOPBACK | {"192.0.2.7"}
    everywhere = names_of("0.0.0.0")
    assert socket.gethostname().lower() in everywhere
    assert "evil.example" not in everywhere
    monkeypatch.setenv("UPGAN_HOSTS", "KG.example.org, b.example")
    assert names_of("127.0.0.1") == LOOPBACK | {"kg.example.org", "b.example"}


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True), ("LOCALHOST.:8501", True), ("[::1]:8501", True), ("127.0.0.1:99999", False),
        ("localhost:x", False), ("localhost/evil", False), ("evil@localhost", False), ("::1", False), ("", False),
        ("127.0.0.1.evil.example", False), ("[::1", False), ("localhost?x", False),
    ],
)  # fmt: skip
def test_a_host_is_a_name_and_a_port(host, own):
    assert is_own(host, LOOPBACK) is own


@pytest.mark.parametrize("origin", ["", "null", "http://", "file://localhost:1", "http://[", "http://localhost:2"])
def test_an_origin_that_is_no_page_of_this_app(origin):
    assert not is_same_origin(origin, "localhost:1", LOOPBACK)
