"""Where files are written: whole or not at all, and what is no file stays what it is."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from upgan.files import write_atomic, write_text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_gets_the_bytes_and_stays_a_pipe(tmp_path):
    pipe, read = tmp_path / "pipe.csv", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_text(pipe, "a,b\n" * 1_000)
    reader.join(timeout=30)
    assert read == [b"a,b\n" * 1_000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="this system has no such device")
def test_a_device_is_never_replaced(tmp_path):
    """By a link, so that a fault here would not break the machine."""
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        write_text(tmp_path / "full", "x")
    assert (tmp_path / "full").is_symlink()


def test_what_fails_leaves_nothing_and_the_file_as_it_was(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_atomic(tmp_path / "a", lambda made: made.write_bytes(b"new") and 1 / 0)
    assert (tmp_path / "a").read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
