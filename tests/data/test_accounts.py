"""What is read and what is named as left out are together what lies in the files, by every way in.

Counted here again, with plain Python: raw sources in every form, wide tables, new interactions of a run, decisions.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import toy_tables
from tests.data import workbooks
from tests.data.sources import write_source, zipped
from upgan.data.dataset import KGDataset, build_dataset, load_dataset
from upgan.data.extend import extend
from upgan.data.formats import read_sources
from upgan.data.prepare.prepare import PrepareSettings, prepare
from upgan.data.raw.no_value import NO_VALUES, folded
from upgan.data.wide.mapping import mapping_of
from upgan.data.wide.run import read_import, write_import
from upgan.errors import DataError
from upgan.review.apply import apply

LOOSE = PrepareSettings(min_interactions=1, min_triples=1, split=(1, 0, 0))


def toy() -> KGDataset:
    tables: dict[str, Any] = {**toy_tables()}
    return build_dataset(name="toy", **tables)


def written_as(form: str, stem: str, names: Sequence[str], table: Sequence[Sequence[str]]) -> dict[str, bytes]:
    """A table as a file of that form, by its name."""
    frame = pd.DataFrame(table, columns=list(names), dtype=str)
    if form == "parquet":
        with tempfile.TemporaryDirectory() as scratch:
            frame.to_parquet(Path(scratch) / "t")
            return {f"{stem}.parquet": (Path(scratch) / "t").read_bytes()}
    if form in ("json", "jsonl"):
        text = frame.to_json(orient="records", lines=form == "jsonl")
        return {f"{stem}.{form}": text.encode()}
    if form in ("xlsx", "ods"):
        with tempfile.TemporaryDirectory() as scratch:
            path = getattr(workbooks, form)(Path(scratch) / "t", [list(names), *table])
            return {f"{stem}.{form}": path.read_bytes()}
    sign = "," if form == "csv" else "\t"
    return {f"{stem}.{'csv' if form == 'csv' else 'tsv'}": frame.to_csv(index=False, sep=sign).encode()}


IDS = st.sampled_from(["a", "b", "c", "d", "e", "f", "N/A", "?", "g"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(IDS, st.sampled_from("rst"), IDS), min_size=4, max_size=30),
    st.lists(st.tuples(st.sampled_from(["u", "v", "w", "-"]), IDS), max_size=30),
    st.sampled_from([1, 2]),
    st.sampled_from([1, 2]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["tsv", "zip", "json", "jsonl", "parquet"]),
)
def test_what_is_kept_and_what_is_left_out_are_what_was_there(graph, chosen, interactions, triples, keep, other, form):
    """Entities, triples, users and interactions read, and those named as left out, are those in the files."""
    with tempfile.TemporaryDirectory() as scratch:
        files = written_as(form, "triples", ("head", "relation", "tail"), graph)
        files |= written_as(form, "interactions", ("user", "item"), chosen) if chosen else {}
        files |= {"something.tsv": b"x\ty\n"} if other else {}
        folder = write_source(Path(scratch) / "source", {"all.zip": zipped(files)} if form == "zip" else files)
        nothing = set(folded(NO_VALUES))
        limits = PrepareSettings(min_interactions=interactions, min_triples=triples, keep_reverse=keep)
        dataset = None
        try:
            source = read_sources([folder])
            dataset = prepare(source, Path(scratch) / "out", limits)
        except DataError as error:
            reason = str(error)
        if dataset is None:
            assert any(words in reason for words in ("is left", "no training triple", "no triples file"))
            return
        manifest = dataset.manifest
        there = {"all.zip"} if form == "zip" and len(files) == 1 else set(files)
        assert {file["name"] for file in manifest["sources"]} | set(manifest["unread"]) == there
        left_out = {"triples": 0, "interactions": 0}
        for entry in manifest["dropped"]:
            what = entry["reason"].split(":")[0] if entry["what"] == "rows" else entry["what"]
            if what in left_out:
                left_out[what] += entry["count"]
        kept = {"triples": len(dataset.train) + len(dataset.valid) + len(dataset.test)}
        kept["interactions"] = len(dataset.interactions)
        assert kept["triples"] + left_out["triples"] == len(graph)
        assert kept["interactions"] + left_out["interactions"] == len(chosen)
        counted = manifest["accounts"]
        said = " ".join(warning["text"] for warning in manifest["warnings"])
        silent = {each for h, _, t in graph for each in (h, t)} | {each for pair in chosen for each in pair}
        for word in silent & {"N/A", "?", "-"}:
            assert repr(word) in said
        facts = [(h, r, t) for h, r, t in graph if not {h.casefold(), t.casefold()} & nothing]
        pairs = [(u, i) for u, i in chosen if not {u.casefold(), i.casefold()} & nothing]
        ids = {"entities": {e for h, _, t in facts for e in (h, t)}, "relations": {r for _, r, _ in facts}}
        ids["users"] = {u for u, _ in pairs}
        held = {"entities": set(dataset.entities), "relations": set(dataset.relations), "users": set(dataset.users)}
        for name, expected in ids.items():
            assert held[name] <= expected
            assert counted[name] == {
                "read": len(expected),
                "kept": len(held[name]),
                "dropped": len(expected - held[name]),
            }
        assert counted["triples"] == {"read": len(graph), "kept": kept["triples"], "dropped": left_out["triples"]}


X, RDF = "http://x/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("rst"), st.sampled_from("abcdef")), min_size=4),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("rst"), st.text("xyz<&é ", max_size=3)), max_size=9),
    st.sampled_from(["rdf", "owl", "nt", "ttl"]),
)
def test_every_statement_of_an_rdf_file_is_a_triple_or_named_as_left_out(graph, literal, form):
    if form in ("rdf", "owl"):
        told = [f'<x:{r} rdf:resource="{X}{t}"/>' for _, r, t in graph] + [
            f"<x:{r}>{escape(t)}</x:{r}>" for _, r, t in literal
        ]
        heads = [h for h, _, _ in (*graph, *literal)]
        body = "".join(
            f'<rdf:Description rdf:about="{X}{h}">{one}</rdf:Description>\n' for h, one in zip(heads, told, strict=True)
        )
        text = f'<rdf:RDF xmlns:rdf="{RDF}" xmlns:x="{X}">\n{body}</rdf:RDF>\n'
    else:
        text = "".join(f"<{X}{h}> <{X}{r}> <{X}{t}> .\n" for h, r, t in graph)
        text += "".join(f'<{X}{h}> <{X}{r}> "{t}" .\n' for h, r, t in literal)
    with tempfile.TemporaryDirectory() as scratch:
        source = read_sources([write_source(Path(scratch) / "source", {f"graph.{form}": text})])
        assert len(set(graph)) == len(source.triples)
        dropped = {reason.split(": ")[1]: count for reason, count in source.dropped.items()}
        assert dropped.get("statements about a literal", 0) == len(literal)
        assert dropped.get("the same row again", 0) == len(graph) - len(set(graph))
        accounts = prepare(source, Path(scratch) / "out", LOOSE).manifest["accounts"]
    assert accounts["triples"]["read"] == len(graph)
    assert accounts["entities"]["read"] == len({each for h, _, t in graph for each in (h, t)})


CELLS = st.sampled_from(["a", "b", "c", "a|b", "b|b", "N/A|c", "", "", "N/A", "unknown", "-", "é 1"])
MARKS = st.sampled_from(["5", "0", "3.5", "", "N/A"])
FORMS = st.sampled_from(["csv", "tsv", "xlsx", "ods", "parquet", "json", "jsonl"])


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=2, max_size=9),
    st.lists(st.tuples(st.sampled_from("uvw"), st.integers(0, 10), MARKS), max_size=14),
    FORMS,
    FORMS,
)
def test_every_cell_of_wide_tables_is_a_fact_or_named_as_left_out(cells, chosen, items_as, chosen_as):
    columns = ("id", "made of", "comes from", "remark")
    table = [(f"i{n}", *row) for n, row in enumerate(cells)]
    pairs = [(user, f"i{item}", mark) for user, item, mark in chosen]
    ((items_name, items_file),) = written_as(items_as, "items", columns, table).items()
    files = {items_name: items_file}
    uses = {
        "made of": {"use": "relation", "split": "|"},
        "comes from": {"use": "relation"},
        "remark": {"use": "leave out"},
    }
    mapping = {"items": [{"file": items_name, "id": "id", "kind": "item", "columns": uses}]}
    if chosen:
        ((chosen_name, chosen_file),) = written_as(chosen_as, "chosen", ("user", "item", "mark"), pairs).items()
        files |= {chosen_name: chosen_file}
        mapping["interactions"] = [{"file": chosen_name, "user": "user", "item": "item", "rating": "mark"}]
    values = {
        "made of": [[part.strip() for part in row[1].split("|")] for row in table],
        "comes from": [[row[2]] for row in table],
    }
    silent = set(folded(NO_VALUES)) | {""}
    facts = [
        (row[0], name, value)
        for name, parts in values.items()
        for row, part in zip(table, parts, strict=True)
        for value in part
        if value.casefold() not in silent
    ]
    heads = {head for head, _, _ in facts}
    kept = [pair for pair in pairs if pair[1] in heads]
    with tempfile.TemporaryDirectory() as scratch:
        folder = write_source(Path(scratch) / "in", files)
        try:
            read = read_import([folder / name for name in files], mapping_of(mapping, "map"))
            write_import(read, Path(scratch) / "out")
            data = load_dataset(Path(scratch) / "out")
        except DataError as error:
            reason = str(error)
            if "none of the" in reason:
                assert all(int(item[1:]) >= len(table) for _, item, _ in pairs)
            elif "no interaction is left" in reason:
                assert pairs
                assert not kept
            elif "leaves none for train" in reason:
                assert len(set(facts)) < 3
            else:
                assert not facts
                assert "there is no fact" in reason
            return
        manifest = data.manifest
    label = dict(zip(data.entities, data.entity_labels, strict=True))
    held = {(data.entities[h], data.relations[r], label[data.entities[t]]) for h, r, t in _all(data)}
    assert held == set(facts)
    again = len(facts) - len(set(facts))
    assert manifest["accounts"]["triples"] == {"read": len(facts), "kept": len(set(facts)), "dropped": again}
    said: Counter[str] = Counter()
    for notice in read.source.notices:
        said[notice.code] += notice.count
    assert said["columns-left-out"] == 1
    assert said["items-without-facts"] == len(table) - len(heads)
    without = sum(
        not any(part for part in parts if part.casefold() not in silent) for each in values.values() for parts in each
    )
    unmarked = sum(mark in ("", "N/A") for _, _, mark in pairs)
    assert said["cells-without-value"] == without + unmarked
    assert said["items-outside-tables"] == sum(int(item[1:]) >= len(table) for _, item, _ in pairs)
    assert manifest["accounts"]["interactions"]["read"] == len(pairs)
    assert len(data.interactions) == len({pair[:2] for pair in kept}) == manifest["accounts"]["interactions"]["kept"]
    assert manifest["accounts"]["interactions"]["dropped"] == len(pairs) - len(data.interactions)
    assert set(data.users) == {user for user, _, _ in kept}


ITEMS = st.sampled_from(["b1", "b2", "b3", "new", "other", "N/A"])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.sampled_from(["u1", "u2", "u9", "-"]), ITEMS), min_size=1, max_size=12),
    st.lists(st.sampled_from(["b1", "new", "third"]), unique=True),
    st.sampled_from(["csv", "tsv", "parquet"]),
)
def test_every_new_row_of_a_run_is_taken_up_or_counted(pairs, items, form):
    data = toy()
    before = {(data.users[u], data.entities[i]) for u, i in data.interactions.tolist()}
    fresh = [pair for pair in pairs if not {word.casefold() for word in pair} & folded(NO_VALUES)]
    with tempfile.TemporaryDirectory() as scratch:
        files = written_as(form, "more", ("user", "item", "stars"), [(*pair, "5") for pair in pairs])
        files |= written_as(form, "items", ("id", "label", "colour"), [(item, "x", "red") for item in items])
        more, named = (write_source(Path(scratch), files) / name for name in files)
        if not set(fresh) - before and not set(items) - set(data.entities):
            with pytest.raises(DataError, match="interactions are in toy already"):
                extend(data, more, named if items else None)
            return
        extended, found = extend(data, more, named if items else None)
    after = {(extended.users[u], extended.entities[i]) for u, i in extended.interactions.tolist()}
    assert after == before | set(fresh)
    assert found.interactions + found.known + found.repeated + found.without_id == len(pairs)
    assert found.interactions == len(set(fresh) - before)
    assert found.without_id == len(pairs) - len(fresh)
    assert set(extended.entities) == set(data.entities) | {item for _, item in fresh} | set(items)
    assert found.items == len(extended.entities) - len(data.entities)
    assert found.items - found.unnamed + found.items_known == len(items)
    assert found.unread == (f"stars of {more.name}", *([f"colour of {named.name}"] if items else []))
    assert all(word in " ".join(found.left_out()) for word in ("stars", *(["colour"] if items else [])))


HEADS, RELATIONS, TAILS = ["b1", "b2", "b3", "a1"], ["by", "linked"], ["a1", "a2", "s"]
FACTS = st.tuples(st.sampled_from(HEADS), st.sampled_from(RELATIONS), st.sampled_from(TAILS))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(FACTS, st.sampled_from(["yes", "no", "unsure"])), min_size=1, max_size=8))
def test_every_decision_is_applied_or_counted(decided):
    data = toy()
    held = {(data.entities[h], data.relations[r], data.entities[t]) for h, r, t in _all(data)}
    settled = [row for row in decided if row[1] != "unsure"]
    with tempfile.TemporaryDirectory() as scratch:
        text = "head,relation,tail,verdict\n" + "".join(",".join((*fact, verdict)) + "\n" for fact, verdict in decided)
        review = write_source(Path(scratch), {"review.csv": text}) / "review.csv"
        try:
            applied = apply(review, data, Path(scratch) / "out")
            made = load_dataset(Path(scratch) / "out")
        except DataError as error:
            refused = str(error)
        else:
            refused = ""
        if refused:
            words = ("nothing is accepted", "both accepted and rejected", "was rejected, but", "has all")
            assert any(word in refused for word in words)
            assert not (Path(scratch) / "out").exists()
            return
    assert len(decided) == sum(
        (applied.accepted, applied.rejected, applied.already, applied.unsettled, applied.repeated)
    )
    yes = {fact for fact, verdict in settled if verdict == "yes"}
    facts = {(made.entities[h], made.relations[r], made.entities[t]) for h, r, t in _all(made)}
    assert facts == held | yes
    assert applied.accepted == len(yes - held)
    assert applied.rejected == len({fact for fact, verdict in settled if verdict == "no"})


def _all(data):
    return [row for split in ("train", "valid", "test") for row in data.triples(split).tolist()]
