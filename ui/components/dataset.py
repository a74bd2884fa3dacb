"""A prepared dataset: Table 1, layers, relations; and what a check found in data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from ui.charts.bars import layers_chart
from ui.components import links
from ui.components.controls import Choices
from ui.components.table import chart, number, table, text
from ui.components.text import plain
from ui.services.access import training_allowed
from ui.services.datasets import DatasetEntry, data_root, list_datasets, make_demo
from ui.services.runs import checkpoint_root, list_runs
from ui.services.view import one_of
from upgan.render.words import clean, shorten, user_noun

if TYPE_CHECKING:
    from upgan.data.check import CheckReport, Finding
    from upgan.data.describe import Description

_ICONS = {
    "error": ":material/error:",
    "warning": ":material/warning:",
    "note": ":material/info:",
    "ok": ":material/check_circle:",
}


def choose(choices: Choices) -> DatasetEntry | None:
    """One of the prepared datasets at hand; None where there is none."""
    entries = {entry.key: entry for entry in list_datasets(data_root(), list_runs(checkpoint_root()))}
    if not entries:
        return None
    words = {key: f"{clean(entry.name)} ({clean(entry.where)})" for key, entry in entries.items()}
    return entries[choices.one("Dataset", one_of("dataset", list(entries), words, coded=True))]


def none_at_all(words: str = "There is no dataset yet.") -> None:
    """The ways to a first one."""
    st.info(words, icon=":material/database:")
    if training_allowed():
        st.button(
            "Make the demo catalogue", key="upgan_make_demo", icon=":material/menu_book:", on_click=make_demo,
            help="A small catalogue of books with simulated readers, in a second.",
        )  # fmt: skip
        links.link("tables", "Bring your own table", "table_view")
    links.link("models", "Import your own files", "upload", {"part": "import"})


def table_one(description: Description) -> None:
    """The counts of the paper's Table 1."""
    nouns = user_noun(description.simulated_users)
    counts = {
        nouns: (description.users, "Who chose items."),
        "items": (description.items, "Entities that users chose."),
        "interactions": (description.interactions, "Pairs of a user and an item."),
        "entities": (description.entities, "All things in the graph, items among them."),
        "relations": (description.relations, "Kinds of facts."),
        "facts": (description.triples, "Entity, relation, entity; the paper calls them triplets."),
    }
    with st.container(horizontal=True):
        for name, (count, help) in counts.items():
            st.metric(name, f"{count:,}", help=help)
    splits = ", ".join(f"{split} {count:,}" for split, count in description.splits.items())
    sentences = [f"Facts by part: {splits}."]
    if description.interaction_sparsity is not None:
        observed = 1 - description.interaction_sparsity
        sentences.append(f"Of all possible pairs of a user and an item, {observed:.2%} are in the data.")
    if description.unseen:
        sentences.append(
            f"{description.unseen:,} held-out facts contain an entity or relation that no training fact has."
        )
    if description.simulated_users:
        sentences.append("The interactions are generated, not observed.")
    st.caption(plain(" ".join(sentences)))


def layers(description: Description) -> None:
    """How far entities are from the users."""
    counts = {f"{layer}": count for layer, count in description.layers.items()} | {"never": description.unreachable}
    st.markdown(
        "**How many steps from the nearest user**",
        help="0 are the users, 1 the items they chose, and so on. "
        "Information from users reaches an entity only through the layers before it.",
    )
    words = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    chart(layers_chart(counts), "layers", f"Users and entities by steps from the nearest user: {words}")


def relations(description: Description) -> None:
    """The relations with their size and shape, the largest first."""
    rows = sorted(description.relation_table, key=lambda row: -row.triples)
    table(
        [replace(row, label=clean(row.label) or clean(row.id)) for row in rows],
        "Relations with their facts by part, tails per head and heads per tail",
        {
            "id": None,
            "label": text("relation"),
            "triples": number("facts", format="localized"),
            **{name: number(format="localized") for name in ("train", "valid", "test")},
            "tails_per_head": number(
                "tails per head", format="%.2f", help="How many answers “A — relation — ?” has on average."
            ),
            "heads_per_tail": number(
                "heads per tail", format="%.2f", help="How many answers “? — relation — A” has on average."
            ),
        },
        highest=420,
    )


def report(check: CheckReport) -> None:
    """What a check found, worst first."""
    counts = {severity: len(check.of(severity)) for severity in ("error", "warning", "note", "ok")}
    line = " · ".join(f"{count} {severity}{'s' if count != 1 and severity != 'ok' else ''}"
                      for severity, count in counts.items())  # fmt: skip
    st.markdown(f"**Check**: {line}")
    with st.container(gap="xsmall"):
        for finding in (*check.of("error"), *check.of("warning"), *check.of("note")):
            _finding(finding)
        if check.of("ok"):
            with st.expander(f"{counts['ok']} checks found nothing", icon=_ICONS["ok"]):
                for finding in check.of("ok"):
                    st.markdown(plain(clean(finding.title)))


def _finding(finding: Finding) -> None:
    share = f" of {finding.total:,}" if finding.total is not None else ""
    title = f"{finding.severity.capitalize()}: {clean(finding.title)} ({finding.count:,}{share})"
    with st.expander(plain(shorten(title, 160)), icon=_ICONS[finding.severity]):
        for text in (finding.meaning, finding.advice):
            if text:
                st.markdown(plain(clean(text)))
        for example in finding.examples:
            st.text(shorten(clean(example), 300))
