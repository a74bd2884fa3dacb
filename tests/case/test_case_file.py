"""A case file: what is written is read back the same, and nothing that is not one is read at all."""

from __future__ import annotations

import copy
import dataclasses
import json

import pytest

import upgan
from tests.command_line import DEMO
from tests.render import samples
from upgan.case import case_json, make_case, read_case, write_case
from upgan.case.schema import LONGEST_PATH, LONGEST_TEXT, MOST_ENTRIES, VERSION
from upgan.errors import CaseError


@pytest.fixture(scope="module")
def predictor():
    return upgan.load(DEMO)


@pytest.fixture(scope="module")
def document(predictor):
    explanation = predictor.explain(
        head="book:part-of-the-bargain", relation="author", answer="author:linda-lael-miller"
    )
    return json.loads(case_json(make_case(explanation, predictor, written="2026-01-02")))


def written(value, tmp_path):
    path = tmp_path / "case.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def refused(value, tmp_path, *words: str) -> None:
    path = written(value, tmp_path)
    with pytest.raises(CaseError) as error:
        read_case(path)
    for word in (str(path), *words):
        assert word in str(error.value)


@pytest.mark.parametrize("real_ids", [False, True])
@pytest.mark.parametrize("name", ["bargain", "riftwar", "unreachable"])
def test_what_is_written_is_read_back_the_same(name, real_ids, predictor, tmp_path):
    made = dataclasses.replace(
        getattr(samples, name)(),
        run_fingerprint=predictor.fingerprint,
        dataset_fingerprint=predictor.dataset.fingerprint,
    )
    case = make_case(made, predictor, real_ids=real_ids)
    write_case(tmp_path / "case.json", case)
    assert read_case(tmp_path / "case.json") == case
    assert (case.explanation == made) is (real_ids or not made.users)


def test_the_same_explanation_gives_the_same_bytes(predictor, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    texts = [case_json(make_case(samples.riftwar(), predictor)) for _ in range(2)]
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["written"] == "1970-01-02"


def test_the_file_says_what_it_is_from(document, predictor):
    assert document["version"] == VERSION
    assert document["upgan_version"] == upgan.__version__
    assert document["run"] == {
        "name": "demo",
        "model": "upgan",
        "preset": predictor.config.preset,
        "fingerprint": predictor.fingerprint,
    }
    assert document["dataset"]["fingerprint"] == predictor.dataset.fingerprint
    assert document["dataset"]["simulated_users"] is True
    assert {"x", "y"} <= document["figure"]["nodes"][0].keys()


def test_no_real_user_id_is_in_a_file_unless_asked_for(document, predictor):
    text = json.dumps(document)
    assert not [user for user in predictor.dataset.users if f'"{user}"' in text or f" {user} " in text]
    assert [user["id"] for user in document["explanation"]["users"][:3]] == ["U1", "U2", "U3"]


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(CaseError, match="no such file"):
            read_case(path)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "line 1"),
        ('{"format": "upgan-case", ', "not JSON"),
        ("[1, 2]", "not a case file"),
        ('{"format": "something else"}', "not a case file"),
        ('{"format": "upgan-case", "version": NaN}', "NaN"),
        ('{"format": "upgan-case", "version": 1, "version": 2}', "given twice"),
        ('{"format": "upgan-case", "version": 99}', "version 99"),
        ('{"format": "upgan-case", "version": 1}', "Field required"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_no_case_file_is_refused_with_the_reason(text, word, tmp_path):
    refused(text, tmp_path, word)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "case.json"
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(CaseError, match="not UTF-8"):
        read_case(path)


def _set(document, keys: str, value):
    changed = copy.deepcopy(document)
    *path, last = [int(key) if key.isdigit() else key for key in keys.split(".")]
    at = changed
    for key in path:
        at = at[key]
    at[last] = value
    return changed


@pytest.mark.parametrize(
    ("keys", "value", "word"),
    [
        ("explanation.score", "12", "explanation.score"),
        ("explanation.rank", 1.5, "explanation.rank"),
        ("explanation.users.0.weight", None, "explanation.users.0.weight"),
        ("explanation.users.0.surprise", 1, "surprise"),
        ("surprise", 1, "surprise"),
        ("explanation.target.role", "villain", "explanation.target.role"),
        ("explanation.paths.0.alphas", [], "one relation and one alpha"),
        ("explanation.evidence.0.relations", [], "one coefficient"),
        ("explanation.query.tail", "x", "exactly one of head and tail"),
        ("explanation.top_users", -1, "0 or more"),
        ("explanation.run_fingerprint", "other", "fingerprints"),
        ("figure.edges.0.source", "nowhere", "figure.edges"),
        ("caption", "x" * (LONGEST_TEXT + 1), "at most 100000 characters"),
        ("explanation.users.0.id", "x" * (LONGEST_TEXT + 1), "explanation.users.0.id"),
        ("figure.nodes.0.lines", [[[[]]]], "figure.nodes.0.lines.0"),
    ],
)
def test_a_document_that_does_not_fit_is_refused_at_its_place(keys, value, word, document, tmp_path):
    refused(_set(document, keys, value), tmp_path, word)


def test_numbers_that_no_model_gives_are_refused(document, tmp_path):
    text = json.dumps(_set(document, "explanation.score", 12345.5))
    for number in ("1e999", "-1e308", "1" + "0" * 400, "-Infinity", "NaN", "1" * 5000):
        refused(text.replace("12345.5", number), tmp_path, "not a number that a model gives")
    text = json.dumps(_set(document, "explanation.paths.0.alphas.0", 12345.5))
    refused(text.replace("12345.5", "1e999"), tmp_path, "not a number that a model gives")


@pytest.mark.parametrize("chain", ["paths", "evidence"])
def test_a_path_of_thousands_of_nodes_is_refused_before_it_is_drawn(chain, document, tmp_path):
    """Texts are placed beside each other one by one: what no graph holds would take for ever."""
    longer = copy.deepcopy(document)
    path = longer["explanation"][chain][0]
    path["nodes"] = path["nodes"][:1] * (LONGEST_PATH + 1)
    for key in {"relations", "alphas", "coefficients"} & path.keys():
        path[key] = path[key][:1] * LONGEST_PATH
    refused(longer, tmp_path, f"a path of {LONGEST_PATH + 1} nodes; at most {LONGEST_PATH}")


def test_more_values_than_an_explanation_has_are_refused(tmp_path):
    refused("[" + "0," * (MOST_ENTRIES + 1) + "0]", tmp_path, "more than 2,000,000 values")
