"""What a case file may hold beside the explanation: contrast, what if, smallest set. Renamed, computed again, compared.

They are kept as the JSON documents that ``upgan explain --json`` prints, so that a new number in them is compared as
soon as it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from upgan.errors import CaseError
from upgan.explain.explanation import BASELINES, Explanation
from upgan.explain.results import Changes, Contrast
from upgan.predict.predictor import Predictor
from upgan.render.results_html import beside
from upgan.types import FloatArray

Document = dict[str, Any]
#: Names of the documents in a case file, and as a comparison calls them.
KINDS = {"contrast": "contrast", "what_if": "what if", "smallest_set": "smallest set"}

#: Lists whose entries name a user under "id", and lists of (user, item).
_SHARES = frozenset(
    {"users", "answer_users", "against_users"}
    | {f"{side}users_{when}" for side in ("", "answer_") for when in ("before", "after")}
)
_PAIRS = frozenset({"remove_interactions", "add_interactions"})


def contrast_document(contrast: Contrast) -> Document:
    """A contrast as JSON, with the label of what it is drawn against."""
    return {**contrast.to_dict(), "against_label": contrast.against.label}


# Users ---------------------------------------------------------------------------------------------------------------


def users_of(document: Any) -> list[str]:
    """Every user that a document names, in its order, some more than once."""
    return [user for _, user in _named(document)]


def _named(value: Any) -> Iterable[tuple[str, str]]:
    """(key, user) of all users in a document."""
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        entries = inner if isinstance(inner, list) else []
        if key in _SHARES or key == "remove_users":
            yield from ((key, entry["id"] if isinstance(entry, dict) else entry) for entry in entries)
        elif key in _PAIRS:
            yield from ((key, entry[0]) for entry in entries)
        else:
            yield from _named(inner)


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The document with its users called as ``names`` says."""
    if not isinstance(value, dict):
        return value
    result: Document = {}
    for key, inner in value.items():
        if key in _SHARES or key == "remove_users":
            result[key] = [
                {**entry, "id": names[entry["id"]]} if isinstance(entry, dict) else names[entry] for entry in inner
            ]
        elif key in _PAIRS:
            result[key] = [[names[user], item] for user, item in inner]
        else:
            result[key] = renamed(inner, names)
    return result


# Computing again -----------------------------------------------------------------------------------------------------


def computed(
    kind: str, document: Document, told: Explanation, predictor: Predictor, real: Mapping[str, str]
) -> Document | None:
    """The document of ``kind`` computed again; None where this run does not know what it is about.

    ``real``: the file's name of a user -> its id, under pseudonyms from the order of a fresh explanation.
    """
    query = told.query
    asked = {"head": query.head, "relation": query.relation, "tail": query.tail, "answer": told.answer.id}
    if kind == "smallest_set":
        return predictor.smallest_set(**asked).to_dict()
    if kind == "contrast":
        if document["against"] not in predictor.dataset.entity_index:
            return None
        found = predictor.contrast(**asked, against=document["against"], baseline=document["baseline"])
        return contrast_document(found)
    changes = document["changes"]
    if any(user not in real for _, user in _named({"changes": changes})):
        return None
    again = Changes(
        remove_users=[real[user] for user in changes["remove_users"]],
        remove_interactions=[(real[user], item) for user, item in changes["remove_interactions"]],
        remove_triples=[(head, relation, tail) for head, relation, tail in changes["remove_triples"]],
        add_interactions=[(real[user], item) for user, item in changes["add_interactions"]],
    )
    return predictor.what_if(**asked, changes=again, k=max(1, len(document["candidates_before"]))).to_dict()


def check(kind: str, document: Document) -> None:
    """CaseError where a document lacks what computing it again needs, or names users in no way that is known."""
    try:
        whole = all(isinstance(user, str) for _, user in _named(document)) and _numeric(document)
        if kind == "contrast":
            whole = whole and isinstance(document["against"], str) and document["baseline"] in BASELINES
        if kind == "what_if":
            changes = document["changes"]
            keys = ("remove_users", "remove_interactions", "remove_triples", "add_interactions")
            lengths = (None, 2, 3, 2)
            whole = whole and set(changes) == set(keys) and isinstance(document["candidates_before"], list)
            for key, length in zip(keys, lengths, strict=True):
                entries = changes[key]
                whole = whole and isinstance(entries, list)
                whole = whole and all(
                    isinstance(entry, str)
                    if length is None
                    else isinstance(entry, list) and len(entry) == length and all(isinstance(i, str) for i in entry)
                    for entry in entries
                )
        # Whoever opens the file may draw it: what is missing for that has to be missed here.
        whole = whole and bool(list(beside({kind: document}, "")))
    except (KeyError, TypeError, IndexError, ValueError, AttributeError):
        whole = False
    if not whole:
        raise CaseError(f"{kind}: not what `upgan explain --json` prints under this key")


def _numeric(value: Any) -> bool:
    """Whether users carry nothing but an id and numbers."""
    if not isinstance(value, dict):
        return True
    for key, inner in value.items():
        for entry in inner if key in _SHARES and isinstance(inner, list) else []:
            numbers = [part for name, part in entry.items() if name != "id"] if isinstance(entry, dict) else []
            if any(isinstance(part, bool) or not isinstance(part, int | float) for part in numbers):
                return False
        if not _numeric(inner):
            return False
    return True


# Comparing -----------------------------------------------------------------------------------------------------------


def gaps(told: Any, again: Any, by_order: bool) -> tuple[int, float, int]:
    """How many values were compared, the largest difference of two numbers, and how many other values differ.

    ``by_order``: users are matched by their numbers and not by their names.
    """
    if isinstance(told, bool) or isinstance(again, bool) or told is None or again is None:
        return 1, 0.0, int(told != again)
    if isinstance(told, int | float) and isinstance(again, int | float):
        return 1, abs(float(told) - float(again)), 0
    if isinstance(told, dict) and isinstance(again, dict):
        parts = [_entry(key, told.get(key), again.get(key), by_order) for key in told.keys() | again.keys()]
    elif isinstance(told, list) and isinstance(again, list):
        parts = [gaps(one, other, by_order) for one, other in zip(told, again, strict=False)]
        parts.append((0, 0.0, abs(len(told) - len(again))))
    else:
        return 1, 0.0, int(told != again)
    return sum(p[0] for p in parts), max((p[1] for p in parts), default=0.0), sum(p[2] for p in parts)


def _entry(key: str, told: Any, again: Any, by_order: bool) -> tuple[int, float, int]:
    lists = isinstance(told, list) and isinstance(again, list)
    if not lists or key not in _SHARES:
        # Under pseudonyms names of users say nothing but their number.
        if by_order and lists and key in _PAIRS | {"remove_users"}:
            return len(told), 0.0, abs(len(told) - len(again))
        return gaps(told, again, by_order)
    if not all(isinstance(entry, dict) for entry in (*told, *again)):
        names = (sorted(told), sorted(again)) if not by_order else (len(told), len(again))
        return len(told), 0.0, int(names[0] != names[1])
    return _share_gaps(told, again, by_order)


def _share_gaps(told: list[Document], again: list[Document], by_order: bool) -> tuple[int, float, int]:
    """Lists of users with numbers, matched by id, or by their numbers."""
    columns = sorted({key for entry in (*told, *again) for key in entry} - {"id"})
    if not columns:
        return len(told), 0.0, abs(len(told) - len(again))

    def table(entries: list[Document]) -> FloatArray:
        rows = [[float(entry.get(name, 0.0)) for name in columns] for entry in entries]
        return np.array(rows, dtype=np.float64).reshape(len(entries), len(columns))

    if by_order:
        ours, theirs = (rows[np.lexsort(np.round(rows, 7).T)] for rows in (table(told), table(again)))
        shared, off = min(len(ours), len(theirs)), abs(len(ours) - len(theirs))
        ours, theirs = ours[:shared], theirs[:shared]
    else:
        mine, yours = ({entry["id"]: entry for entry in part} for part in (told, again))
        common = [user for user in mine if user in yours]
        off = len(mine) + len(yours) - 2 * len(common)
        ours, theirs = table([mine[user] for user in common]), table([yours[user] for user in common])
    return ours.size, float(np.abs(ours - theirs).max(initial=0.0)), off
