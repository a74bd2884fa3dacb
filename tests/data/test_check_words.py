"""The words of findings: one table, which the documentation follows."""

import re
import tomllib
from pathlib import Path

import pytest

import upgan.data.check
from upgan.data.check.report import SEVERITIES, finding

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(upgan.data.check.__file__).parent
WORDS = tomllib.loads((FOLDER / "findings.toml").read_text(encoding="utf-8"))


def test_the_documentation_has_every_finding_and_no_other():
    page = (ROOT / "docs/reference/check.md").read_text(encoding="utf-8")
    described = set(re.findall(r"`([a-z]+(?:-[a-z]+)+|hubs|layers|mojibake)`", page))
    assert WORDS.keys() <= described
    assert {code for code in described if code.endswith(("-relations", "-ids", "-lines"))} <= WORDS.keys()


@pytest.mark.parametrize("code", WORDS)
def test_every_finding_says_how_bad_it_is_and_what_it_means(code):
    assert WORDS[code].keys() <= {"severity", "title", "meaning", "advice"}
    assert WORDS[code]["severity"] in SEVERITIES
    assert all(WORDS[code]["meaning"] if isinstance(WORDS[code]["meaning"], str) else WORDS[code]["meaning"].values())


def test_figures_and_variants_are_put_in_and_nothing_found_is_fine():
    some = finding("reverse-relations", 2, total=9, examples=["a"], variant="source", share=0.5)
    assert (some.severity, some.count, some.total, some.examples) == ("warning", 2, 9, ("a",))
    assert some.meaning.startswith("At least 50% of")
    assert "--keep-reverse keeps both" in some.advice
    assert finding("hubs", 3, share=0.01, severity="error").severity == "error"
    none = finding("tiny-relations", 0, total=4, least=50)
    assert (none.severity, none.title, none.meaning, none.advice) == (
        "ok",
        "relations with fewer than 50 triples",
        "",
        "",
    )
