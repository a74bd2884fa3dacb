"""What a case file holds, and what a document must be to count as one. Nothing in it is ever executed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from upgan.errors import CaseError
from upgan.explain.explanation import Explanation
from upgan.explain.results import Contrast, FlipSet, Results, WhatIf
from upgan.render.figure.spec import FigureSpec

FORMAT: Final = "upgan-case"
VERSION: Final = 1

#: Bounds of a document from elsewhere: far above what an explanation needs, far below what would hurt.
LONGEST_TEXT = 100_000
MOST_ENTRIES = 2_000_000
#: Nodes of one path: no layer of a graph that people make lies so deep.
LONGEST_PATH = 100


@dataclass(frozen=True)
class CaseRun:
    """The run that the numbers come from."""

    name: str
    model: str
    preset: str
    fingerprint: str


@dataclass(frozen=True)
class CaseDataset:
    """The dataset of that run."""

    name: str
    fingerprint: str
    #: True where the dataset's interactions are generated.
    simulated_users: bool


@dataclass(frozen=True)
class CaseFile:
    """One explanation, frozen: query, answer, numbers, figure, words, and what they were computed from."""

    # Keys that are not read cannot be checked: they are refused, in the dataclasses inside too, and with them whatever
    # is nested deeper than these.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", allow_inf_nan=False, str_max_length=LONGEST_TEXT
    )

    format: Literal["upgan-case"]
    version: Literal[1]
    #: The day it was written, YYYY-MM-DD.
    written: str
    upgan_version: str
    run: CaseRun
    dataset: CaseDataset
    #: True where users are named U1, U2, … in the order of this file instead of by their ids.
    pseudonyms: bool
    question: str
    caption: str
    #: Relation id -> its words, for the drawing.
    relation_labels: dict[str, str]
    #: Every number. Its users are those of both sides, heaviest first.
    explanation: Explanation
    #: The drawing with the place of every node.
    figure: FigureSpec
    #: What was asked beside it, as ``upgan explain --json`` prints it; its users are named like the explanation's.
    contrast: Contrast | None = None
    what_if: WhatIf | None = None
    smallest_set: FlipSet | None = None

    @property
    def results(self) -> Results:
        """What was asked beside the explanation."""
        return Results(self.contrast, self.what_if, self.smallest_set)


@cache
def _adapter() -> TypeAdapter[CaseFile]:
    return TypeAdapter(CaseFile)


def to_document(case: CaseFile) -> dict[str, Any]:
    """The case as JSON values."""
    document: dict[str, Any] = _adapter().dump_python(case, mode="json")
    return document


def json_schema() -> dict[str, Any]:
    """What a case file must be, as JSON Schema."""
    return _adapter().json_schema()


def from_document(document: Any) -> CaseFile:
    """JSON values as a case; CaseError says where a document is not one."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise CaseError(f'not a case file: a JSON object with "format": "{FORMAT}" is expected')
    if document.get("version") != VERSION:
        raise CaseError(
            f"version {document.get('version')!r} of the case file, this upgan reads {VERSION}; open it with the "
            "version that wrote it, or explain the answer again"
        )
    try:
        # Strict, and as JSON: only there is a list a tuple and an object a dataclass.
        case = _adapter().validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        words = {
            "unexpected_keyword_argument": f"unknown here; a case file of version {VERSION} has no such key",
            "finite_number": "not a number that a model gives",
        }
        raise CaseError(f"{_place(first['loc'])}: {words.get(first['type'], first['msg'])}") from None
    _check_whole(case)
    return case


def _check_whole(case: CaseFile) -> None:
    """What types alone do not say: parts that have to fit each other."""
    explanation = case.explanation
    for path in (*explanation.paths, *explanation.answer_paths):
        if not len(path.nodes) - 1 == len(path.relations) == len(path.alphas) > 0:
            raise CaseError("explanation.paths: a path needs one relation and one alpha between each two nodes")
    paths = (*explanation.paths, *explanation.answer_paths, *explanation.heaviest_paths)
    lengths = [len(path.nodes) for path in paths] + [len(walk.nodes) for walk in explanation.walks]
    lengths += [len(chain.nodes) for chain in (*explanation.evidence, *explanation.answer_evidence)]
    if max(lengths, default=0) > LONGEST_PATH:
        raise CaseError(f"explanation: a path of {max(lengths):,} nodes; at most {LONGEST_PATH}")
    for walk in explanation.walks:
        if not len(walk.nodes) - 1 == len(walk.relations) > 0:
            raise CaseError("explanation.walks: one relation between each two nodes is needed")
    for chain in (*explanation.evidence, *explanation.answer_evidence):
        if not len(chain.nodes) - 1 == len(chain.relations) == len(chain.coefficients) > 0:
            raise CaseError("explanation.evidence: one relation and one coefficient between each two nodes are needed")
    if (explanation.query.head is None) == (explanation.query.tail is None):
        raise CaseError("explanation.query: exactly one of head and tail is asked for, the other is null")
    if explanation.top_users < 0:
        raise CaseError(f"explanation.top_users: {explanation.top_users}; 0 or more")
    prints = (explanation.run_fingerprint, explanation.dataset_fingerprint)
    if prints != (case.run.fingerprint, case.dataset.fingerprint):
        raise CaseError("explanation: its fingerprints are not those of the file's run and dataset")
    names = {node.id for node in case.figure.nodes}
    if any(edge.source not in names or edge.target not in names for edge in case.figure.edges):
        raise CaseError("figure.edges: an edge ends at a node that the figure does not have")


def _place(at: tuple[str | int, ...]) -> str:
    """A place in the document; keys from elsewhere are shortened and shown with their odd characters escaped."""
    return ".".join(str(part) if isinstance(part, int) else ascii(part[:60])[1:-1] for part in at) or "the document"
