"""Case files on disk: written whole and the same every time, read as strictly as anything from elsewhere."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from upgan.case.schema import FORMAT, MOST_ENTRIES, VERSION, CaseDataset, CaseFile, CaseRun, from_document, to_document
from upgan.errors import CaseError
from upgan.explain.explanation import Explanation
from upgan.explain.results import Contrast, FlipSet, WhatIf
from upgan.files import write_text, write_together
from upgan.predict.predictor import Predictor
from upgan.render.caption import caption
from upgan.render.export import FILES, rendered
from upgan.render.figure.build import figure
from upgan.render.pseudonyms import pseudonyms_of, renamed
from upgan.render.words import question
from upgan.runs.schema import LARGEST
from upgan.version import __version__

#: A case with every user of a large catalogue stays below this.
LARGEST_FILE = 256 * 1024 * 1024
Number = TypeVar("Number", int, float)


def make_case(
    explanation: Explanation,
    predictor: Predictor,
    *,
    contrast: Contrast | None = None,
    what_if: WhatIf | None = None,
    smallest_set: FlipSet | None = None,
    real_ids: bool = False,
    written: str | None = None,
) -> CaseFile:
    """The case file of an explanation that ``predictor`` gave; users under pseudonyms unless ``real_ids``.

    ``contrast``, ``what_if``, ``smallest_set``: what else was asked about the same answer. ``written``: the day, today
    where none is given (SOURCE_DATE_EPOCH names another, as reproducible builds do).
    """
    data, config = predictor.dataset, predictor.config
    labels = dict(zip(data.relations, data.relation_labels, strict=True))
    case = CaseFile(
        format=FORMAT,
        version=VERSION,
        written=written or _today(),
        upgan_version=__version__,
        run=CaseRun(predictor.run_path.resolve().name, config.model_name, config.preset, predictor.fingerprint),
        dataset=CaseDataset(data.name, data.fingerprint, data.simulated_users),
        pseudonyms=False,
        question=question(explanation),
        caption=caption(explanation),
        relation_labels=labels,
        explanation=explanation,
        figure=figure(explanation, relation_labels=labels),
        contrast=contrast,
        what_if=what_if,
        smallest_set=smallest_set,
    )
    return case if real_ids else pseudonymous(case)


def pseudonymous(case: CaseFile) -> CaseFile:
    """The same case with every user under a pseudonym, in all that it holds; one that has them already stays."""
    if case.pseudonyms:
        return case
    names = pseudonyms_of(case.explanation, case.contrast, case.what_if, case.smallest_set)
    return with_figure(replace(renamed(case, names), pseudonyms=True))


def case_json(case: CaseFile) -> str:
    """The document's text: the same case is the same bytes."""
    return json.dumps(to_document(case), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_case(path: Path, case: CaseFile) -> None:
    """Write the case to a file, whole or not at all."""
    write_text(path, case_json(case))


def write_bundle(folder: Path, case: CaseFile) -> list[Path]:
    """Write a case with its page, figure, tables and caption into ``folder``, made if need be; other files there stay.

    All are made, and written beside their places, before the first gets its name: neither an error nor a full disk
    leaves a half of them behind. Returns the paths.
    """
    files = {"case.json": case_json(case).encode()}
    for name, format in FILES.items():
        files[name] = rendered(case.explanation, case.relation_labels, format, case.results)
    write_together(folder, files)
    return [folder / name for name in files]


def read_case(path: Path) -> CaseFile:
    """Read a case file. Raises CaseError, naming file and place, for whatever is not one of this version."""
    if not path.is_file():
        raise CaseError(f"{path}: no such file; `upgan explain RUN ... --case {path.name}` writes one")
    if (size := path.stat().st_size) > LARGEST_FILE:
        raise CaseError(f"{path}: {size / 1e6:,.0f} MB; a case file has at most {LARGEST_FILE / 1e6:,.0f} MB")
    try:
        return from_document(parsed(path.read_bytes()))
    except CaseError as error:
        raise CaseError(f"{path}: {error}") from None


def parsed(content: bytes) -> Any:
    """The JSON value of a case file's bytes. Raises CaseError, naming the place, for whatever is none."""
    if content.count(b",") > MOST_ENTRIES:
        raise CaseError(f"more than {MOST_ENTRIES:,} values; no explanation has as many")
    try:
        return json.loads(
            content.decode("utf-8-sig"),
            parse_constant=_refuse_constant,
            parse_float=lambda text: _number(float(text)),
            parse_int=lambda text: _number(int(text)),
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        raise CaseError(f"byte {error.start}: not UTF-8, so not a case file") from None
    except json.JSONDecodeError as error:
        raise CaseError(f"line {error.lineno}, column {error.colno}: not JSON ({error.msg})") from None
    except RecursionError:
        raise CaseError("nested too deep to be a case file") from None
    except ValueError as error:  # a number of thousands of digits
        raise CaseError(f"not a number that a model gives ({error})") from None


def _refuse_constant(name: str) -> NoReturn:
    raise CaseError(f"{name} is not a number that a model gives (and not JSON)")


def _number(value: Number) -> Number:
    """A number as it is; CaseError for one beyond float32: sums and squares of it would be infinite."""
    if not abs(value) <= LARGEST:
        raise CaseError(f"{str(value)[:20]}… is not a number that a model gives")
    return value


def _object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """A JSON object; a key given twice would hide one of its values from the check."""
    document = dict(pairs)
    if len(document) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise CaseError(f"the key {twice[:60]!r} is given twice")
    return document


def _today() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return moment.strftime("%Y-%m-%d")


def with_figure(case: CaseFile) -> CaseFile:
    """The case with words and figure drawn anew from its own numbers."""
    explanation = case.explanation
    return replace(
        case,
        question=question(explanation),
        caption=caption(explanation),
        figure=figure(explanation, relation_labels=case.relation_labels),
    )
