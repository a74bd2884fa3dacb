"""What a browser says of errors: nothing that only a terminal understands."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ui.components.say import sentence
from ui.services.spoken import spoken

ROOT = Path(__file__).resolve().parents[2] / "upgan"
#: What a page can run into; the command line words its own.
PACKAGES = (
    "runs",
    "predict",
    "explain",
    "graph",
    "experiment",
    "training",
    "review",
    "case",
    "data",
    "config",
    "reproduce",
)


def messages() -> dict[str, str]:
    """Every text of an error that is raised, and of a message that is written into a status: place -> text."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            inside = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
            for node in nodes:
                if id(node) in inside:
                    continue
                if isinstance(node, ast.JoinedStr):
                    parts = [part.value if isinstance(part, ast.Constant) else "X" for part in node.values]
                    text = "".join(map(str, parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    text = node.value
                else:
                    continue
                if " " in text and "\n" not in text and ("`upgan " in text or " --" in text):
                    found[f"{path.relative_to(ROOT)}:{node.lineno}"] = text
    return found


def test_no_command_and_no_option_is_left_of_any_message():
    told = messages()
    assert len(told) > 40, "the messages were found"
    left = {place: spoken(text) for place, text in told.items()}
    assert not {place: text for place, text in left.items() if "`upgan" in text or "--" in text}
    assert not [place for place, text in left.items() if not text and len(told[place]) > 60], "nothing is lost whole"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("device cpu is busy: /r/a is training there; wait, stop it, or use --force",
         "device cpu is busy: /r/a is training there; wait, stop it, or start it anyway"),
        ("stopped by force; `upgan resume` goes on from there", "stopped by force; Resume goes on from there"),
        ("the loss became NaN; a smaller rate (--set pretrain.lr=...) helps",
         "the loss became NaN; a smaller rate (the setting pretrain.lr) helps"),
        ("/r: it is running; see `upgan status /r`", "/r: it is running"),
        ("the score 0.5 -- 0.7 of “a-b” and --x", "the score 0.5 -- 0.7 of “a-b” and “x”"),
    ],
)  # fmt: skip
def test_messages_name_what_the_page_has(message, words):
    assert spoken(message) == words


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("the loss became NaN", "The loss became NaN"), ("demo is deleted", "Demo is deleted"),
        ("/r/a is training", "/r/a is training"), ("my-run is here", "my-run is here"), ("", ""),
    ],
)  # fmt: skip
def test_a_message_by_itself_begins_with_a_capital(message, words):
    assert sentence(message).replace("\\", "") == words
