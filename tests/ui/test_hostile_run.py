"""A run from elsewhere, whose every text is hostile: no page reads one as Markdown, no command as a terminal's code."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import here
from tests.ui.driving import run_page
from tests.ui.made import ENTITIES, RELATIONS, make_run
from upgan.escapes import from_spreadsheet, json_for_terminal, line, markdown, spreadsheet, terminal

IMAGE = "![x](https://evil.example/a.png)"
#: Clears the screen (both spellings of the code), turns the line round, shows an image, a tag, an icon and a formula.
EVIL = f"=1+1;=2+2 \x1b[2J\x9b2J\u202e {IMAGE}<img src='https://evil.example/b.png'> :material/home: *b*"
#: Of pages: what holds a text as it is, in a frame of its own or as a value, and reads no Markdown in it.
READ_AS_THEY_ARE = {
    "dataframe", "bidi_component", "code", "html", "iframe", "imgs", "plotly_chart", "selectbox", "multiselect",
    "text", "text_input", "text_area", "number_input", "json", "download_button",
}  # fmt: skip
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder of one such run."""
    root = tmp_path_factory.mktemp("evil")
    run = root / "evil"
    names = [name for name, *_ in ENTITIES] + [name for name, _ in RELATIONS]
    make_run(run, labels={name: f"{EVIL} {number}" for number, name in enumerate(names)})
    manifest = json.loads((run / "dataset" / "manifest.json").read_text())
    (run / "dataset" / "manifest.json").write_text(json.dumps({**manifest, "name": EVIL}))
    status = {"state": "failed", "message": EVIL, "dataset": EVIL, "model": EVIL, "preset": EVIL, "device": EVIL,
              "phases": [EVIL, "pretrain", f"{EVIL}2"], "phase": EVIL, "epoch": 1, "epochs": 4}  # fmt: skip
    (run / "status.json").write_text(json.dumps(status))
    lines = [{"t": EVIL, "phase": f"{EVIL}{step // 4}", "epoch": step, "step": step, "loss": 1 / (step + 1), EVIL: 2.0,
              "valid": {"mrr": step / 9, "hits@1": 0.1}} for step in range(8)]  # fmt: skip
    (run / "metrics.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    result = {"mrr": 0.5, "hits@1": 0.1, "split": EVIL, "device": EVIL, "hardware": {EVIL: EVIL}, "started_from": EVIL}
    (run / "metrics.json").write_text(json.dumps(result))
    (run / "log.txt").write_text(f"{EVIL}\n")
    return root


def parts(block: Any) -> Iterator[tuple[str, Any]]:
    """Kind and content of all that is on a page."""
    for child in block.children.values():
        yield child.type, child.proto
        if hasattr(child, "children"):
            yield from parts(child)


@pytest.mark.parametrize("page", ["start", "ask", "case", "review", "train", "runs", "models", "leaderboard"])
def test_no_page_reads_a_name_as_markdown(root, page, monkeypatch, tmp_path):
    monkeypatch.setenv("UPGAN_CHECKPOINTS", str(root))
    monkeypatch.setenv("UPGAN_DATA", str(tmp_path))
    app = run_page(page, checkpoint="evil", run="evil")
    shown = [(kind, proto.SerializeToString()) for kind, proto in parts(app._tree) if proto is not None]
    assert shown
    read = [(kind, text) for kind, text in shown if kind not in READ_AS_THEY_ARE]
    for kind, text in read:
        assert IMAGE.encode() not in text, f"{kind}: {text!r}"
        assert b" :material/home" not in text, f"{kind}: {text!r}"
    for kind, proto in parts(app._tree):
        assert kind != "plotly_chart" or "<img" not in proto.spec
    for frame in app.dataframe:
        for cell in frame.value.select_dtypes(["object", "string"]).to_numpy().ravel():
            assert spreadsheet(str(cell)) == str(cell)


ASKED = ["{run}", "--head", "book:eye", "--relation", "author"]
EXPLAINED = [*ASKED, "--answer", "author:jordan"]
COMMANDS = {
    "status": ["status", "--root", "{root}"],
    "status of one": ["status", "{run}"],
    "status as JSON": ["status", "--root", "{root}", "--json"],
    "predict": ["predict", *ASKED],
    "predict as JSON": ["predict", *ASKED, "--json"],
    "explain": ["explain", *EXPLAINED],
    "explain as JSON": ["explain", *EXPLAINED, "--json"],
    "an unknown entity": ["predict", "{run}", "--head", EVIL, "--relation", "author"],
    "an unknown run": ["predict", "{root}/\x1b[2J", "--head", "book:eye", "--relation", "author"],
    "describe": ["data", "describe", "{run}/dataset"],
    "check": ["data", "check", "{run}/dataset"],
    "compare": ["compare", "{run}", "{run}"],
    "doctor": ["doctor", "--checkpoints", "{root}"],
    "trash": ["trash", "list", "--root", "{root}"],
    "settings": ["train", "{run}/dataset", "--set", f"{EVIL}=1"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_prints_a_code_of_terminals(root, name):
    done = here(*(word.replace("{root}", str(root)).replace("{run}", str(root / "evil")) for word in COMMANDS[name]))
    assert "Traceback" not in done.stderr
    assert not CONTROLS.search(done.stdout), done.stdout
    assert not CONTROLS.search(done.stderr), done.stderr
    if "JSON" in name:
        assert IMAGE in str(json.loads(done.stdout))


def test_only_one_place_writes_to_the_terminal():
    """Everything else says it by ``say``, ``note`` and ``print_result``."""
    folder = Path(__file__).resolve().parents[2] / "upgan" / "cli"
    for path in folder.glob("*.py"):
        if path.name not in ("output.py", "main.py"):
            assert "typer.echo" not in path.read_text(), path.name


FORMULAS = ("=1+1", "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "x;=1+1", "x; =1+1", "x\t=1+1", "a|=1", "＝1+1",
            " =1+1", "\u200b=1", "\ufeff=1", "\r=1", "\n=1", "'=1+1", "''=1", "x;'=1")  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula_whatever_divides_the_file(text):
    guarded = spreadsheet(text)
    for separator in (",", ";", "\t", "|"):
        for cell in next(csv.reader(io.StringIO(guarded.replace("\r", " ").replace("\n", " ")), delimiter=separator)):
            assert not re.match(r"[\s\u200b\ufeff]*[=+\-@＝＋－＠]", cell), cell
    assert from_spreadsheet(guarded) == text


@pytest.mark.parametrize("text", ["", "a", "-5", "+1.5e-3", "12%", "O'Hara", "x; y", "a = b", "'quoted'", "Σ weights"])
def test_other_cells_stay_as_they_are(text):
    assert spreadsheet(text) == text == from_spreadsheet(text)


def test_each_medium_has_its_escape():
    assert (
        line(EVIL) == f"=1+1;=2+2 \ufffd[2J\ufffd2J {IMAGE}<img src='https://evil.example/b.png'> :material/home: *b*"
    )
    assert terminal("a\n\tb\x1b[2J\x9b\r") == "a\n\tb\ufffd[2J\ufffd\ufffd"
    assert json.loads(json_for_terminal(json.dumps([EVIL], ensure_ascii=False))) == [EVIL]
    assert "![" not in markdown(EVIL)
    assert "\\<img" in markdown(EVIL)
    with contextlib.suppress(ImportError):
        from markdown_it import MarkdownIt

        assert not re.search("<(img|em|a) ", MarkdownIt().render(markdown(EVIL)))
