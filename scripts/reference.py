"""The pages of docs/reference, from the code itself: python scripts/reference.py [--out docs/reference]

Commands from their functions, settings from the configuration, JSON and Python from types and docstrings, columns from
the readers' own words. tests/docs/test_reference.py fails where a page is not what this script writes.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from sphinx.pycode import ModuleAnalyzer
from typer.core import TyperArgument, TyperOption

import upgan
from measuring import ROOT, options
from upgan.case.schema import CaseDataset, CaseFile, CaseRun
from upgan.cli.main import app
from upgan.config.presets import PRESETS
from upgan.config.settings import Config, setting_fields
from upgan.config.sized import MANY, NARROW, SIZED
from upgan.config.systems import MODEL_NAMES, SYSTEMS
from upgan.data.dataset import KGDataset
from upgan.data.formats import FORMATS
from upgan.data.query import Query
from upgan.data.raw.no_value import NO_VALUES
from upgan.data.raw.roles import ROLES
from upgan.errors import UpganError
from upgan.explain import explanation, results
from upgan.explain.reason import Reason
from upgan.explain.shares import UserDifference, UserShare
from upgan.predict.predictor import Predictor
from upgan.runs.status import RunStatus

#: What stands for the value of an option.
PLACEHOLDERS = {int: "N", float: "X", Path: "PATH"}
MADE = "<!-- Made by scripts/reference.py from the code: change it there. -->"


def main() -> None:
    """Write every page."""
    parser = options(__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/reference")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (out / name).write_text(text, encoding="utf-8")
        print(out / name)


def pages() -> dict[str, str]:
    """File name -> its whole text."""
    made = {
        "commands.md": commands(),
        "settings.md": settings(),
        "columns.md": columns(),
        "json.md": json_documents(),
        "python.md": python(),
    }
    return {name: "\n".join([MADE, "", *lines]).rstrip() + "\n" for name, lines in made.items()}


# Commands ------------------------------------------------------------------------------------------------------------


def commands() -> Iterator[str]:
    """Every command with its arguments and options, groups first."""
    yield "# Commands"
    yield ""
    yield (
        "Results go to stdout, progress and logs to stderr. With `--json` stdout is one JSON document "
        "([JSON](json.md)). Every command has `-h` and `--help`. Exit codes: 0 done, 1 failed while running, 2 wrong "
        "argument or input, 130 interrupted."
    )
    root: Any = typer.main.get_command(app)
    for name, command in sorted(root.commands.items(), key=lambda each: not hasattr(each[1], "commands")):
        for below, each in getattr(command, "commands", {"": command}).items():
            yield from _command(f"{name} {below}".strip(), each)


def _command(name: str, command: Any) -> Iterator[str]:
    hints = typing.get_type_hints(command.callback)
    parameters = [each for each in command.params if not each.hidden]
    rows = [(f"`{_written(each, hints)}`", _given(each), _help(each)) for each in parameters]
    arguments = [_written(each, hints) for each in parameters if isinstance(each, TyperArgument)]
    yield from ("", f"## upgan {name}", "", f"    upgan {' '.join([name, *arguments])} [OPTIONS]", "")
    yield markdown(command.help)
    if rows:
        yield ""
        yield from table(("argument or option", "default", "what it does"), rows)


def _written(parameter: Any, hints: dict[str, Any]) -> str:
    """As it is typed, with a word in place of its value."""
    if isinstance(parameter, TyperArgument):
        word = (parameter.metavar or parameter.name.strip("_").upper()) + "..." * (parameter.nargs == -1)
        return word if parameter.required else f"[{word}]"
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    word = parameter.metavar or PLACEHOLDERS.get(_bare(hints[parameter.name]), "TEXT")
    return names if parameter.is_flag else f"{names} {word}"


def _given(parameter: Any) -> str:
    """The value that counts where none is given."""
    return "required" if parameter.required else "" if parameter.default is False else _value(parameter.default)


def _help(parameter: Any) -> str:
    text = str(parameter.help)
    many = isinstance(parameter, TyperOption) and parameter.multiple and "repeat" not in text.lower()
    return cell(text + " (may repeat)" * many)


def _bare(kind: Any) -> Any:
    """The type without None and without the list around it."""
    if get_origin(kind) in (types.UnionType, typing.Union):
        kind = next(each for each in get_args(kind) if each is not types.NoneType)
    return get_args(kind)[0] if get_origin(kind) is list else kind


# Settings ------------------------------------------------------------------------------------------------------------


def settings() -> Iterator[str]:
    """Every setting by section: what it means, what is allowed, its value in each preset."""
    yield "# Settings"
    yield ""
    yield (
        "`--set key=value`, or a TOML file given by `--config`; a key's last part is enough where no other setting of "
        "the model ends so. A run keeps all of its settings in `config.toml`. *default* is the value where the preset "
        "names no other; `paper`, `quality` and `demo` say what they change. Beyond "
        f"{MANY:,} entities `quality` also has "
        f"{', '.join(f'`{key}={value}`' for key, value in SIZED.items())}, and on processors that have it "
        f"{', '.join(f'`{key}={value}`' for key, value in NARROW.items())}."
    )
    yield from _section("All models", {key: field for key, field in setting_fields(Config) if "." not in key})
    for name, info in Config.model_fields.items():
        section: Any = info.annotation
        if not hasattr(section, "model_fields"):
            continue
        title = f"{name}: {MODEL_NAMES[name]}" if name in SYSTEMS else name
        yield from _section(title, dict(setting_fields(section, f"{name}.")), inspect.getdoc(section) or "")


def _section(title: str, fields: dict[str, FieldInfo], text: str = "") -> Iterator[str]:
    yield from ("", f"## {title}", "")
    if text:
        yield from (markdown(text), "")
    rows = [
        (f"`{key}`", _default(key, field), _allowed(field), cell(field.description or ""))
        for key, field in fields.items()
    ]
    yield from table(("setting", "default", "allowed", "meaning"), rows)


def _default(key: str, field: FieldInfo) -> str:
    changed = [f"{preset}: {_value(values[key])}" for preset, values in PRESETS.items() if key in values]
    return "; ".join([_value(field.get_default(call_default_factory=True)), *changed])


def _allowed(field: FieldInfo) -> str:
    kind = _bare(field.annotation)
    if get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return ", ".join(f"`{choice}`" for choice in choices)
    if kind is bool:
        return "`true`, `false`"
    signs = {"ge": "≥", "gt": "\\>", "le": "≤", "lt": "\\<"}
    bounds = [
        f"{sign} {getattr(each, name):,}"
        for name, sign in signs.items()
        for each in field.metadata
        if hasattr(each, name)
    ]
    return ", ".join(bounds)


def _value(value: Any) -> str:
    if value is None or value in ("", [], ()):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return f"`{value}`"


# Columns -------------------------------------------------------------------------------------------------------------


def columns() -> Iterator[str]:
    """What a source of each format needs, and the words of headers that are understood."""
    yield from ("# File names and columns that are understood", "")
    yield "[Formats](formats.md) says what each format is and how it is recognised."
    yield from ("", "## What each format needs", "")
    yield from table(("format", "files"), [(f"`{name}`", cell(format.needs)) for name, format in FORMATS.items()])
    yield from ("", "## Words of a header", "")
    yield (
        "Case, `-`, `_`, and types after a colon do not count. If two columns have words for one meaning, the earlier "
        "word counts."
    )
    yield ""
    rows = []
    for role in ROLES:
        for column, words in {**role.aliases, **role.optional}.items():
            needed = "" if column in role.aliases else " (optional)"
            rows.append((role.name, f"{column}{needed}", ", ".join(words.split())))
    yield from table(("table", "column", "words"), rows)
    yield from ("", "## Words that say there is no value", "")
    yield ", ".join(f"`{word}`" for word in NO_VALUES if word)


# JSON and Python -----------------------------------------------------------------------------------------------------

#: Title, what writes it, its types.
DOCUMENTS: tuple[tuple[str, str, tuple[type, ...]], ...] = (
    (
        "Predict",
        "`upgan predict --json`: `{\"query\": …, \"candidates\": […]}`, a Query and CandidateRows.",
        (Query, results.CandidateRow),
    ),
    (
        "Explain",
        "`upgan explain --json`: the fields of Explanation, nodes by their ids, with `labels` (id → label) beside them "
        "and `chains` (paths and evidence joined at their user). `contrast`, `what_if` and `smallest_set` if they "
        "were asked for.",
        (
            explanation.Explanation, UserShare, explanation.UserPath, explanation.EvidencePath, explanation.Walk,
            explanation.Chain, explanation.ScorePart, explanation.ContextEdge, Reason,
        ),
    ),
    (
        "Beside an explanation",
        "`--contrast`, `--remove-…`, `--add-interaction` and `--smallest-set`.",
        (
            results.Contrast, results.Standing, results.Popularities, results.Popularity, UserDifference,
            results.WhatIf, results.Changes, results.Candidate, results.FlipSet,
        ),
    ),
    (
        "Case file",
        "`upgan explain --case FILE`. Keys that are not listed are refused. `upgan.case.schema.json_schema()` has all "
        "of it as JSON Schema.",
        (CaseFile, CaseRun, CaseDataset, explanation.Node),
    ),
    ("Status", "`upgan status RUN --json`.", (RunStatus,)),
)  # fmt: skip


def json_documents() -> Iterator[str]:
    """The documents that commands print with --json."""
    yield from ("# JSON", "")
    yield (
        "What `--json` prints, and what a case file holds. `metrics.json` and `upgan evaluate --json` have "
        '`{"mr", "mrr", "hits@1", "hits@3", "hits@10", "queries"}`: shares of 1, both directions pooled, filtered by '
        "all splits, ties at their mean rank; with `--by` also `groups`, name → the same keys."
    )
    for title, text, kinds in DOCUMENTS:
        yield from ("", f"## {title}", "", text)
        for kind in kinds:
            yield from ("", f"### {kind.__name__}", "", markdown(inspect.getdoc(kind) or ""), "")
            yield from _fields(kind)


def _fields(kind: type) -> Iterator[str]:
    """A table of a type's fields; what is said of each is the comment before it in the source."""
    notes = ModuleAnalyzer.for_module(kind.__module__).find_attr_docs()
    annotated: dict[str, Any] = inspect.get_annotations(kind)
    rows = []
    for name, annotation in annotated.items():
        if name.startswith("_") or "ClassVar" in str(annotation):
            continue
        note = " ".join(line.strip() for line in notes.get((kind.__name__, name), ()) if line.strip())
        rows.append((f"`{name}`", f"`{_type(annotation)}`", cell(note)))
    yield from table(("field", "type", "meaning"), rows)


def _type(annotation: Any) -> str:
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    text: str = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return text.replace("|", "\\|")


#: What people import; of a class its public methods and properties.
PUBLIC: tuple[tuple[str, Any], ...] = (
    ("upgan.load", upgan.load),
    ("upgan.load_dataset", upgan.load_dataset),
    ("upgan.predict.predictor.Predictor", Predictor),
    ("upgan.explain.explanation.Explanation", explanation.Explanation),
    ("upgan.data.dataset.KGDataset", KGDataset),
)


def python() -> Iterator[str]:
    """The Python interface: signatures and docstrings."""
    yield from ("# Python", "")
    yield (
        "Letters in shapes: B batch, E entities, U users, R forward relations, N triples of a split, M interactions. "
        "Relations are numbered 0 to R-1; r + R is the inverse of r. Every error that is meant for people is an "
        f"`upgan.errors.UpganError`: {', '.join(each.__name__ for each in _below(UpganError))}."
    )
    for name, what in PUBLIC:
        yield from ("", f"## {name}", "")
        if not inspect.isclass(what):
            yield from (f"    {_signature(name.rpartition('.')[2], what)}", "", markdown(inspect.getdoc(what) or ""))
            continue
        yield markdown(inspect.getdoc(what) or "")
        if dataclasses.is_dataclass(what) and what is not explanation.Explanation:
            yield ""
            yield from _fields(what)
        elif what is explanation.Explanation:
            yield from ("", "Its fields are in [JSON](json.md#explanation).")
        yield from _members(what)


def _below(kind: type[Exception]) -> Iterator[type[Exception]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def _members(kind: type) -> Iterator[str]:
    for name, member in vars(kind).items():
        function = getattr(member, "fget", None) or getattr(member, "func", None) or member
        text = inspect.getdoc(function)
        if name.startswith("_") or not inspect.isfunction(function) or not text:
            continue
        is_method = function is member
        yield from ("", f"### {kind.__name__}.{name}", "")
        if is_method:
            yield from (f"    {_signature(name, function)}", "")
        yield markdown(text)


def _signature(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    kept = [each for each in signature.parameters.values() if each.name != "self"]
    # Types are texts here, and texts have quotes; defaults keep theirs.
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", f"{name}{signature.replace(parameters=kept)}")


# Markdown ------------------------------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table, a line each."""
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join(['---'] * len(head))} |"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def markdown(text: str) -> str:
    """A docstring as Markdown: double backquotes are code, nothing else is markup but lists."""
    parts = re.split(r"(`+[^`]+`+)", text)
    return "".join(f"`{part.strip('`')}`" if part.startswith("`") else _plain(part) for part in parts)


def cell(text: str) -> str:
    """The same on one line, for a table."""
    return markdown(" ".join(text.split())).replace("|", "\\|")


def _plain(text: str) -> str:
    return re.sub(r"([<>\[\]]|(?<!^)(?<!\n)\*)", r"\\\1", text)


if __name__ == "__main__":
    main()
