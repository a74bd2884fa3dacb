"""Values, names and paths as people have them: what says nothing, what joins nothing, what is missing, odd folders."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.data.sources import TSV, write_source
from tests.data.test_nothing_lost import CHOSEN, GARDEN, GRAPH, LOOSE, codes, found, rows, triples_of, words
from upgan.cli.main import run
from upgan.data.check import check_source
from upgan.data.dataset import load_dataset
from upgan.data.formats import read_sources
from upgan.data.prepare.prepare import prepare
from upgan.data.raw.no_value import folded
from upgan.data.raw.text_stream import ReadOptions


@pytest.mark.parametrize("given", [True, False])
def test_labels_that_join_nothing_are_named_with_what_is_near(tmp_path, given, capsys):
    labels = "id\tlabel\nPLANT1\tRose\nPLANT2\tIris\n"
    folder = write_source(tmp_path / "garden", GARDEN if given else {**GARDEN, "labels.tsv": labels})
    (tmp_path / "herbs.tsv").write_text(labels)
    more = ["--labels", str(tmp_path / "herbs.tsv")] if given else []
    command = ["data", "prepare", str(folder), "--out", str(tmp_path / "out"), "--min-triples", "1", *more]
    assert run(command) == 0
    what = "2 labels of herbs.tsv" if given else "2 labels"
    text = f"{what}, none of an entity: PLANT1, PLANT2 (there is plant1, plant2)"
    assert text in capsys.readouterr().err
    assert run(["data", "check", str(folder), *more]) == 0
    assert text in " ".join(capsys.readouterr().out.split())


def test_labels_of_entities_relations_and_items_join(tmp_path):
    for name in ("plant1", "blooms", "soil0"):
        files = {**GARDEN, "labels.tsv": f"id\tlabel\n{name}\tX\nnobody\tY\n"}
        assert "labels-of-nothing" not in codes(read_sources([write_source(tmp_path, files)]))


@pytest.mark.parametrize(
    "word", ["N/A", "unknown", "NONE", "-", "?", "null", "\\N", "<NA>", "(null)", "–", "…", "Ｎ／Ａ", "\ufeffn/a"]
)
def test_ids_that_say_nothing_are_left_out_named_and_can_be_kept(tmp_path, word):
    extra = [(f"plant{n}", "blooms", word) for n in range(3)]
    files = {"triples.tsv": rows([*GRAPH, *extra]), "interactions.tsv": rows([*CHOSEN, (word, "plant1")])}
    folder = write_source(tmp_path / "garden", files)
    source = read_sources([folder])
    assert triples_of(source) == set(GRAPH)
    assert len(source.interactions) == len(CHOSEN)
    said = words(source, "no-value-ids")
    assert said.startswith("4 rows are left out")
    assert repr(word) in said
    assert found(folder, "no-value-ids")
    kept = read_sources([folder], options=ReadOptions(no_value=frozenset()))
    assert triples_of(kept) == {*GRAPH, *extra}
    own = read_sources([folder], options=ReadOptions(no_value=folded(["soil0"])))
    assert {tail for _, _, tail in triples_of(own)} >= {word}
    assert "soil0" not in {tail for _, _, tail in triples_of(own)}


def test_a_rating_that_says_nothing_is_unknown(tmp_path):
    text = "user\titem\trating\nu\tplant1\tN/A\nu\tplant2\t4\nu\tplant3\t\n"
    ratings = read_sources([write_source(tmp_path, {**GARDEN, "interactions.tsv": text})]).interactions["rating"]
    assert ratings.isna().tolist() == [True, False, True]


QUOTED = 'head,relation,tail\n"Smith, J",by,"a ""b"""\nrose,by\niris,,x\n"two\nlines", by ,x\nlast,by,x\n'


def test_a_quoted_csv_gets_the_whole_report(tmp_path):
    folder = write_source(tmp_path, {"triples.csv": QUOTED})
    report = check_source([folder])
    by_code = {finding.code: finding for finding in report.findings}
    assert by_code["unreadable-source"].count == 0 if "unreadable-source" in by_code else True
    assert [example.split(": ", 1)[0].rsplit(":", 1)[1] for example in by_code["ragged-lines"].examples] == ["3"]
    assert [example.split(": ", 1)[0].rsplit(":", 1)[1] for example in by_code["empty-ids"].examples] == ["4"]
    assert by_code["padded-cells"].count == 1
    assert report.counts["triples"] == 3


def test_an_unclosed_quotation_mark_spoils_its_own_line_only(tmp_path):
    text = rows(GRAPH, ("head", "relation", "tail"), ",")
    folder = write_source(tmp_path, {"triples.csv": text.replace("plant3,", '"plant3,', 1)})
    report = check_source([folder])
    ragged = report.finding("ragged-lines")
    assert ragged is not None
    assert ragged.count == 1
    assert report.counts["triples"] == len(GRAPH) - 1


def test_spellings_of_one_name_are_found(tmp_path):
    files = {
        **GARDEN,
        "labels.tsv": "id\tlabel\nplant1\tZoë  Rose\nplant2\tzoe rose\nplant3\tIris\nplant4\tÉ\nplant5\tE\n",
    }
    finding = check_source([write_source(tmp_path, files)]).finding("near-identical-labels")
    assert finding is not None
    assert finding.count == 2
    assert any("Zoë  Rose | zoe rose" in example for example in finding.examples)


_E, _P, _L = (
    "http://www.wikidata.org/entity/",
    "http://www.wikidata.org/prop",
    "<http://www.w3.org/2000/01/rdf-schema#label>",
)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", ["direct", "statement"])
def test_properties_of_wikidata_are_named_at_their_own_entity(tmp_path, tied, kind):
    claim = {"direct": "directClaim", "statement": "statementProperty"}[kind]
    predicate = f"{_P}/{kind}/P18"
    lines = [f'<{_E}P18> {_L} "{label}"@{language} .' for label, language in (("Bild", "de"), ("image", "en"))]
    lines += [f"<{_E}P18> <http://wikiba.se/ontology#{claim}> <{predicate}> ."] if tied else []
    lines += [f"<{_E}Q{n}> <{predicate}> <{_E}Q{50 + n % 3}> ." for n in range(9)]
    source = read_sources([write_source(tmp_path, {"dump.nt": "\n".join(lines)})])
    assert {relation for _, relation, _ in triples_of(source)} == {predicate}
    assert len(source.triples) == 9
    dataset = prepare(source, tmp_path / "out", LOOSE)
    assert dataset.relation_labels == ["image"]


@pytest.mark.parametrize("missing", [("users",), ("valid", "test")])
def test_a_dataset_that_lacks_something_says_so_before_training(tmp_path, missing, capsys):
    files = {"interactions.tsv": rows(CHOSEN)} if "users" not in missing else {}
    files |= {"train.tsv": rows(GRAPH)} if "test" in missing else GARDEN
    folder = write_source(tmp_path / "garden", files)
    out = tmp_path / "out"
    assert (
        run(["data", "prepare", str(folder), "--out", str(out), "--min-interactions", "1", "--min-triples", "1"]) == 0
    )
    said = capsys.readouterr().err
    texts = {"users": "no users", "valid": "no validation triples", "test": "no test triples"}
    assert all((f"warning: {text}" in said) == (what in missing) for what, text in texts.items())
    manifest = json.loads((out / "manifest.json").read_text())
    assert len(manifest["warnings"]) == len(missing)
    for source in (folder, out):
        assert run(["data", "check", str(source)]) == 0
        report = capsys.readouterr().out
        assert all((text in report) == (what in missing) for what, text in texts.items())
    train = [
        "train",
        str(out),
        "--model",
        "distmult",
        "--preset",
        "demo",
        "--set",
        "initialisation.epochs=1",
        "--run",
        str(tmp_path / "run"),
    ]
    assert run([*train, "--force"]) == 0
    said = capsys.readouterr().err
    assert all((f"warning: {text}" in said) == (what in missing) for what, text in texts.items())


@pytest.mark.parametrize(
    "name", ["a:b", "s3:garden", "gs:x", "2026-11-29T10:00", "with space", os.fsdecode(b"caf\xe9")]
)
def test_any_name_of_a_folder_will_do(tmp_path, monkeypatch, name, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        Path(name).mkdir()
    except OSError:
        pytest.skip("this system has no such names")
    write_source(Path(name), {**GARDEN, "interactions.tsv": rows(CHOSEN)})
    loose = ["--min-interactions", "1", "--min-triples", "1"]
    for source, out in ((name, f"{name} out"), (str(tmp_path / name), f"{name}.2")):
        assert run(["data", "prepare", source, "--out", out, *loose]) == 0, capsys.readouterr().err
        assert run(["data", "describe", out, "--json"]) == 0
        assert run(["data", "check", out, "--json"]) == 0
        assert run(["data", "check", source, "--json"]) == 0
        assert len(load_dataset(out).interactions) == len(CHOSEN)


def test_a_source_without_faults_says_nothing(tmp_path):
    assert read_sources([write_source(tmp_path, TSV)]).notices == ()
