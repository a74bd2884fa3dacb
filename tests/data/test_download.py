"""Fetching public files, against a local server that breaks off, changes files, ignores ranges and lies."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import threading
import zipfile
from dataclasses import dataclass, field

import pytest

from tests.command_line import upgan
from upgan.data.download import fetch
from upgan.data.download.fetch import fetch_source, unpack
from upgan.data.download.ranged import ATTEMPTS
from upgan.data.download.sources import RemoteFile, Source, all_sources
from upgan.errors import DataError, DownloadError


def zip_of(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


#: What arrives is written in pieces of this size; one that did not arrive whole is fetched again.
PIECE = 1 << 16
#: Bytes that no compression makes small, so that a download can break off in the middle.
NOISE = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(20_000))
ARCHIVE = zip_of({"top/kept/a.tsv": b"a\tb\n", "top/kept/noise.bin": NOISE, "top/other.txt": b"not wanted"})


@dataclass
class Server:
    """Serves ``content`` under any name; says how often it was asked and for which ranges."""

    content: bytes = ARCHIVE
    etag: str = '"one"'
    ranges: bool = True
    #: Break the connection off after so many bytes, for so many answers.
    cut_at: int = 0
    cuts: int = 0
    status: int = 200
    asked: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.asked.append(asked)
        if self.status != 200:
            handler.send_error(self.status)
            return
        start = 0
        if asked and self.ranges and handler.headers.get("If-Range") == self.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        body = self.content[start:]
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("ETag", self.etag)
        handler.send_header("Content-Disposition", 'attachment; filename="../../evil.zip"')
        handler.end_headers()
        if self.cuts:
            self.cuts -= 1
            body = body[: self.cut_at]
            handler.close_connection = True
        handler.wfile.write(body)


@pytest.fixture
def server():
    made = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            made.answer(self)

        def log_message(self, *_):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{running.server_port}"
    yield made
    running.shutdown()
    running.server_close()


def a_source(known_hash: str | None = None, members=("top/kept/",)) -> Source:
    known = hashlib.sha256(ARCHIVE).hexdigest() if known_hash is None else known_hash
    file = RemoteFile("set.zip", "https://example.invalid/set.zip", known, "unpacked", members)
    return Source("toy", "a toy", "a licence", "", (file,))


def fetched(server, out, source=None, **options):
    return fetch_source(source or a_source(), out, base_url=server.url, pause=0.0, **options)


def files_under(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_whole_download_and_nothing_is_asked_for_twice(server, tmp_path):
    out = tmp_path / "out"
    assert fetched(server, out) == [out / "unpacked"]
    assert files_under(out) == [".downloads/set.zip", "unpacked/a.tsv", "unpacked/noise.bin"]
    assert (out / "unpacked" / "noise.bin").read_bytes() == NOISE
    # The name that the server proposes is not used.
    assert files_under(tmp_path) == [f"out/{name}" for name in files_under(out)]
    fetched(server, out)
    assert server.asked == [None]


def test_a_broken_connection_is_resumed_where_it_stopped(server, tmp_path):
    server.cut_at, server.cuts = 3 * PIECE + 99, 2
    fetched(server, tmp_path)
    assert server.asked == [None, f"bytes={3 * PIECE}-", f"bytes={6 * PIECE}-"]
    assert (tmp_path / "unpacked" / "noise.bin").read_bytes() == NOISE


def test_another_run_goes_on_with_what_was_kept(server, tmp_path):
    server.cut_at, server.cuts = PIECE + 99, ATTEMPTS
    with pytest.raises(DownloadError, match="broke off") as error:
        fetched(server, tmp_path)
    assert f"{PIECE * ATTEMPTS:,} bytes are kept" in str(error.value)
    assert not (tmp_path / "unpacked").exists()
    fetched(server, tmp_path)
    assert server.asked[-1] == f"bytes={PIECE * ATTEMPTS}-"
    assert files_under(tmp_path / ".downloads") == ["set.zip"]


@pytest.mark.parametrize("how", ["no ranges", "changed"])
def test_without_ranges_or_where_the_file_changed_it_starts_again(server, tmp_path, how):
    server.cut_at, server.cuts = PIECE + 99, ATTEMPTS
    server.ranges = how != "no ranges"
    with pytest.raises(DownloadError):
        fetched(server, tmp_path)
    server.etag = '"two"'
    fetched(server, tmp_path)
    assert (tmp_path / "unpacked" / "noise.bin").read_bytes() == NOISE


def test_a_wrong_hash_is_refused_and_removed(server, tmp_path):
    server.content = ARCHIVE[:-1] + b"\1"
    with pytest.raises(DataError, match="does not have the hash"):
        fetched(server, tmp_path)
    assert files_under(tmp_path) == []


def test_an_unknown_hash_is_recorded_and_held_to(server, tmp_path):
    told: list[str] = []
    fetched(server, tmp_path, a_source(""), say=told.append)
    record = tmp_path / ".downloads" / "hashes.json"
    assert json.loads(record.read_text()) == {"set.zip": hashlib.sha256(ARCHIVE).hexdigest()}
    assert any("no hash of this file is known" in line for line in told)
    (tmp_path / ".downloads" / "set.zip").unlink()
    server.content = zip_of({"top/kept/a.tsv": b"other"})
    with pytest.raises(DataError, match="does not have the hash"):
        fetched(server, tmp_path, a_source(""))


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, ATTEMPTS)])
def test_a_refusal_is_one_line_and_only_what_may_pass_is_tried_again(server, tmp_path, status, requests):
    server.status = status
    with pytest.raises(DownloadError, match=str(status)) as error:
        fetched(server, tmp_path)
    assert "\n" not in str(error.value)
    assert len(server.asked) == requests


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "C:/evil", "..\\evil"])
def test_an_archive_that_leads_out_of_the_folder_is_refused_whole(tmp_path, name):
    archive = tmp_path / "bad.zip"
    archive.write_bytes(zip_of({"fine.txt": b"fine", name: b"evil"}))
    with pytest.raises(DataError, match="leads out of the folder"):
        unpack(archive, tmp_path / "out", ("",))
    assert files_under(tmp_path) == ["bad.zip"]


def test_links_bombs_and_what_is_no_archive(tmp_path, monkeypatch):
    archive = tmp_path / "bad.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        unpack(archive, tmp_path / "out", ("",))
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("zeros", bytes(1 << 20))
    with monkeypatch.context() as patched:
        patched.setattr(fetch, "MOST_UNPACKED", 1 << 19)
        with pytest.raises(DataError, match="refused"):
            unpack(archive, tmp_path / "out", ("",))
    archive.write_bytes(b"no zip at all")
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out", ("",))
    archive.write_bytes(ARCHIVE)
    with pytest.raises(DataError, match="holds nothing under"):
        unpack(archive, tmp_path / "out", ("elsewhere/",))
    assert files_under(tmp_path) == ["bad.zip"]


def command(*arguments, **environment):
    return upgan("data", "download", *arguments, NO_PROXY="*", **environment)


def test_the_command_shows_the_licence_lists_and_says_when_there_is_no_network(tmp_path):
    listed = command("--list")
    assert listed.returncode == 0
    assert all(file.url in listed.stdout for source in all_sources().values() for file in source.files)
    refused = command("music", "--out", tmp_path / "out")
    assert refused.returncode == 2
    assert "non-commercial" in refused.stdout
    assert "--accept-licence" in refused.stderr
    assert not (tmp_path / "out").exists()
    assert command("opera").returncode == 2
    # Nothing listens on port 9 here: the same as a machine without a network.
    offline = command("music", "--out", tmp_path / "out", "--accept-licence", UPGAN_DOWNLOAD_BASE="http://127.0.0.1:9")
    assert offline.returncode == 1
    assert "offline?" in offline.stderr.splitlines()[-1]
    assert "Traceback" not in offline.stderr


def test_every_registered_source_is_fetched_from_a_mirror(server, tmp_path):
    server.content = zip_of({"entity2rec-master/datasets/LibraryThing/all.dat": b"1 2 3\n"})
    done = command("book", "--out", tmp_path / "out", "--accept-licence", "--base-url", server.url)
    assert done.returncode == 0, done.stderr
    assert "hash" in done.stderr
    assert (tmp_path / "out" / "entity2rec" / "all.dat").read_bytes() == b"1 2 3\n"
