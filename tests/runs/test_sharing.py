"""A run goes into one file and comes back byte for byte; an archive that is not what it says is refused whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import shutil
import stat
import struct
import zipfile
from pathlib import Path
from random import Random

import pytest
import torch
from safetensors.torch import save

from tests.runs import victims
from tests.runs.states import written
from upgan.errors import RunError
from upgan.runs.archive import FILES, export_run, import_run
from upgan.runs.status import run_state

MODEL = "model.safetensors"


@pytest.fixture(scope="module")
def archive(toy_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("shared") / "toy-run.zip"
    export_run(toy_run[0].parent / "run", out)
    return out


def entries(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def packed(path: Path, content: dict[str, bytes], *, sealed: bool = True) -> Path:
    """An archive with this content, as somebody would pack it who also writes fitting checksums (``sealed``)."""
    if sealed:
        files = {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in content.items()
            if name != "checksums.json"
        }
        checksums = {**json.loads(content["checksums.json"]), "files": files}
        content = {**content, "checksums.json": json.dumps(checksums).encode()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in content.items():
            opened.writestr(name, data)
    return path


def refused(archive: Path, to: Path, *words: str) -> None:
    """One error that holds every word; nothing is left where the run was to be, or anywhere near it."""
    before = sorted(path for path in to.parent.rglob("*"))
    with pytest.raises(RunError) as caught:
        import_run(archive, to, to.parent)
    for word in (archive.name, *words):
        assert word in str(caught.value), str(caught.value)
    assert sorted(path for path in to.parent.rglob("*")) == before


def test_a_run_comes_back_byte_for_byte_and_answers(toy_run, archive, tmp_path):
    from upgan.training.checkpoint import load_run

    run = toy_run[0].parent / "run"
    back = import_run(archive, None, tmp_path, check=load_run)
    assert back == tmp_path / "run"
    shared = [name for name in FILES if (run / name).is_file()]
    assert {MODEL, "card.md", "metrics.jsonl", "pinned.jsonl", "dataset/triples.parquet"} <= set(shared)
    for name in shared:
        assert (back / name).read_bytes() == (run / name).read_bytes(), name
    assert run_state(back).state == "finished"
    export_run(run, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()
    with pytest.raises(RunError, match="exists already"):
        import_run(archive, back, tmp_path)


def test_the_commands_share_a_run(toy_run, tmp_path):
    log, out, back = tmp_path / "log", tmp_path / "run.zip", tmp_path / "back"
    assert victims.finish(["export", toy_run[0].parent / "run", out], log) == 0, log.read_text()
    assert victims.finish(["import", out, "--to", back], log) == 0, log.read_text()
    assert victims.finish(["predict", back, "--head", "b3", "--relation", "by"], log) == 0, log.read_text()
    out.write_bytes(out.read_bytes()[:-200])
    log.unlink()
    assert victims.finish(["import", out, "--to", tmp_path / "other"], log) == 2
    assert "Traceback" not in log.read_text()
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "dataset/../../evil.txt",
        "/tmp/evil.txt",
        "..\\evil.txt",
        "C:/evil.txt",
        "evil.py",
        "dataset/x.pkl",
    ],
)
def test_a_file_that_is_none_of_a_runs_is_refused(archive, tmp_path, name):
    content = {**entries(archive), name: b"print('hello')"}
    refused(packed(tmp_path / "bad.zip", content), tmp_path / "there" / "run", "evil" if "evil" in name else name)


class Malicious:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (self.path, "executed"))


@pytest.mark.parametrize("kind", ["pickle", "torch"])
@pytest.mark.parametrize("name", [MODEL, "dataset/triples.parquet"])
def test_a_pickle_under_the_name_of_a_runs_file_is_refused_and_not_executed(archive, tmp_path, name, kind):
    mark, payload = tmp_path / "executed", tmp_path / "payload"
    if kind == "pickle":
        payload.write_bytes(pickle.dumps(Malicious(mark)))
    else:
        torch.save(Malicious(mark), payload)
    content = {**entries(archive), name: payload.read_bytes()}
    (tmp_path / "there").mkdir()
    refused(packed(tmp_path / "bad.zip", content), tmp_path / "there" / "run", name)
    assert not mark.exists()


def test_a_link_is_refused(archive, tmp_path):
    bad = packed(tmp_path / "bad.zip", {name: data for name, data in entries(archive).items() if name != "log.txt"})
    with zipfile.ZipFile(bad, "a") as opened:
        entry = zipfile.ZipInfo("log.txt")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(entry, "/etc/passwd")
    refused(bad, tmp_path / "run", "log.txt", "link")


def test_a_bomb_is_refused_before_it_is_unpacked(archive, tmp_path):
    content = {**entries(archive), "log.txt": b"\0" * 50_000_000}
    bad = packed(tmp_path / "bad.zip", content)
    assert bad.stat().st_size < 1_000_000
    refused(bad, tmp_path / "run", "log.txt", "bomb")


def test_a_file_longer_than_the_archive_says_is_cut_off_while_reading(archive, tmp_path):
    """Directory and checksums state ten bytes; fifty million come out of the compressed data."""
    content = {**entries(archive), "log.txt": bytes(50_000_000)}
    real = hashlib.sha256(bytes(50_000_000)).hexdigest()
    bad = packed(tmp_path / "bad.zip", content)
    stated = entries(bad)["checksums.json"].replace(b"50000000", b"10      ")
    stated = stated.replace(real.encode(), hashlib.sha256(bytes(10)).hexdigest().encode())
    packed(bad, {**content, "checksums.json": stated}, sealed=False)
    size = struct.pack("<I", 50_000_000)
    assert bad.read_bytes().count(size) == 2  # in the file's own header and in the directory
    bad.write_bytes(bad.read_bytes().replace(size, struct.pack("<I", 10)))
    refused(bad, tmp_path / "run")


def test_broken_compressed_data_are_refused(archive, tmp_path):
    bad = packed(tmp_path / "bad.zip", entries(archive))
    with zipfile.ZipFile(bad) as opened:
        at = opened.getinfo("log.txt").header_offset + 30 + len("log.txt")
    data = bytearray(bad.read_bytes())
    data[at : at + 4] = b"\xff\xff\xff\xff"
    bad.write_bytes(bytes(data))
    refused(bad, tmp_path / "run", "damaged")


def test_a_changed_file_a_missing_file_and_an_unlisted_one_are_refused(archive, tmp_path):
    content = entries(archive)
    changed = {**content, "metrics.json": content["metrics.json"].replace(b"0", b"1")}
    refused(packed(tmp_path / "a.zip", changed, sealed=False), tmp_path / "run", "metrics.json")
    missing = {name: data for name, data in content.items() if name != "run.json"}
    refused(packed(tmp_path / "b.zip", missing), tmp_path / "run", "run.json")
    refused(packed(tmp_path / "c.zip", missing, sealed=False), tmp_path / "run", "run.json")
    bare = {name: data for name, data in content.items() if name != "checksums.json"}
    refused(packed(tmp_path / "d.zip", bare, sealed=False), tmp_path / "run", "checksums.json")
    many = {**content, **{f"file{number}": b"" for number in range(100)}}
    refused(packed(tmp_path / "e.zip", many), tmp_path / "run", "117" if len(content) == 17 else "files")
    deep = {**content, "checksums.json": b"[" * 100_000}
    refused(packed(tmp_path / "f.zip", deep, sealed=False), tmp_path / "run", "checksums.json")
    (tmp_path / "g.zip").write_bytes(b"PK" + bytes(1000))
    refused(tmp_path / "g.zip", tmp_path / "run", "zip")
    with pytest.raises(RunError, match="no such file"):
        import_run(tmp_path / "h.zip", tmp_path / "run", tmp_path)


def header(text: str, length: int | None = None, rest: bytes = b"") -> bytes:
    """A safetensors file with this header; its stated ``length`` may be another."""
    return struct.pack("<Q", len(text) if length is None else length) + text.encode() + rest


SOUND = '{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        header(SOUND, 2**63, bytes(8)),
        header(SOUND, 10**12, bytes(8)),
        header(SOUND, len(SOUND) - 5, bytes(8)),
        header(SOUND, rest=bytes(7)),
        header(SOUND, rest=bytes(800)),
        header(SOUND.replace("[2]", "[2000000000]"), rest=bytes(8)),
        header(SOUND.replace("[2]", "[-2]"), rest=bytes(8)),
        header(SOUND.replace("[0, 8]", "[0, 8000000000]"), rest=bytes(8)),
        header(SOUND.replace("[0, 8]", "[8, 0]"), rest=bytes(8)),
        header(SOUND.replace("F32", "OBJECT"), rest=bytes(8)),
        header("[]"),
        header("[" * 50_000),
        header('{"a": 1}'),
    ],
    ids=range(15),
)
def test_a_header_that_lies_or_is_too_long_is_refused(archive, tmp_path, data):
    content = {**entries(archive), "generator.safetensors": data}
    refused(packed(tmp_path / "bad.zip", content), tmp_path / "run", "generator.safetensors")


def test_what_the_library_writes_is_sound(archive, tmp_path):
    kinds = (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool, torch.uint8)
    tensors = {str(kind): torch.ones(3, 2, dtype=kind) for kind in kinds} | {"empty": torch.zeros(0, 5)}
    content = {**entries(archive), "squares.safetensors": save(tensors, metadata={"format": "pt"})}
    assert import_run(packed(tmp_path / "good.zip", content), tmp_path / "run", tmp_path).is_dir()


def test_a_run_without_weights_or_at_work_is_not_exported(archive, tmp_path):
    with pytest.raises(RunError, match="running"):
        export_run(written(tmp_path / "run"), tmp_path / "out.zip")
    with pytest.raises(RunError, match=r"config\.toml is missing"):
        export_run(written(tmp_path / "run", state="failed"), tmp_path / "out.zip")
    assert not (tmp_path / "out.zip").exists()


def test_an_archive_with_wrong_bytes_anywhere_in_its_list_is_a_sentence(archive, tmp_path):
    """Names, offsets, sizes, flags: refused with nothing left, or unpacked as it was."""
    whole = archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        listed = opened.start_dir
        first = opened.infolist()[0]
    random = Random(4)
    damaged = [(listed + 42, 255), (listed + 45, 255), (listed + 46, 0xFF), (listed + 46, 0), (listed + 8, 8)]
    assert whole[listed + 46 : listed + 46 + len(first.filename)].decode() == first.filename
    damaged += [(random.randrange(listed, len(whole)), random.randrange(256)) for _ in range(150)]
    for place, value in damaged:
        content = bytearray(whole)
        content[place] = value
        (tmp_path / "bad.zip").write_bytes(content)
        with contextlib.suppress(RunError):
            shutil.rmtree(import_run(tmp_path / "bad.zip", tmp_path / "run", tmp_path))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.zip"]
