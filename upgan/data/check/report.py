"""What a check found: findings with counts, examples and advice, as an object, as JSON and as text."""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Severity = Literal["error", "warning", "note", "ok"]
#: Worst first; reports are sorted by it.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note", "ok")
_WIDTH = 110


@dataclass(frozen=True)
class Finding:
    """One check and what came of it; severity "ok" and count 0 where nothing was found.

    error: numbers measured on this data would be wrong, or rows cannot be read. warning: something is lost or
    distorted, look at it. note: a fact to know, preparation handles it.
    """

    #: Stable name in kebab-case, described in docs/reference/check.md.
    code: str
    severity: Severity
    title: str
    count: int
    #: Of how many, where that says something.
    total: int | None = None
    examples: tuple[str, ...] = ()
    #: What it means, and what to do about it; empty where nothing was found.
    meaning: str = ""
    advice: str = ""
    #: Figures behind the count, plain values for JSON.
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "examples": list(self.examples)}


@dataclass(frozen=True)
class CheckReport:
    """All findings of one source or dataset, worst first, and the alignment of items and entities."""

    name: str
    #: "source" or "dataset".
    kind: str
    format: str
    paths: tuple[str, ...]
    findings: tuple[Finding, ...]
    #: {"verdict", "titles": {...} | None, "interactions": {...} | None}; see upgan.data.check.alignment.
    alignment: dict[str, Any]
    counts: dict[str, int]

    @property
    def worst(self) -> Severity:
        return next((severity for severity in SEVERITIES if self.of(severity)), "ok")

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == severity)

    def finding(self, code: str) -> Finding | None:
        """The finding of this code, or None where the check did not apply."""
        return next((finding for finding in self.findings if finding.code == code), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "source": {"name": self.name, "kind": self.kind, "format": self.format, "paths": list(self.paths)},
            "findings": [finding.to_dict() for finding in self.findings],
            "alignment": self.alignment,
            "summary": {
                "worst": self.worst,
                "by_severity": {severity: len(self.of(severity)) for severity in SEVERITIES},
                "counts": self.counts,
                "text": self.summary(),
            },
        }

    def summary(self) -> str:
        """One line: how many findings of each severity, and what the alignment says."""
        counts = {severity: len(self.of(severity)) for severity in SEVERITIES}
        parts = [f"{count} {severity}{'s' * (severity != 'ok' and count != 1)}" for severity, count in counts.items()]
        return f"{self.name}: {', '.join(parts)}; items and entities: {self.alignment.get('verdict', 'not checked')}"

    def to_text(self) -> str:
        """The same as lines for a terminal or a file."""
        counts = ", ".join(f"{count:,} {what}" for what, count in self.counts.items())
        lines = [f"{self.name} ({self.kind}, {self.format}): {counts}", ""]
        for severity in SEVERITIES[:-1]:
            for finding in self.of(severity):
                lines += _finding_lines(finding)
        passed = ", ".join(finding.code for finding in self.of("ok"))
        if passed:
            lines += textwrap.wrap(f"ok: {passed}", _WIDTH, subsequent_indent="    ", break_on_hyphens=False)
        return "\n".join([*lines, *_alignment_lines(self.alignment), "", self.summary()])


def finding(
    code: str,
    count: int,
    *,
    total: int | None = None,
    examples: Iterable[Any] = (),
    details: dict[str, Any] | None = None,
    severity: Severity | None = None,
    variant: str = "",
    **figures: Any,
) -> Finding:
    """The finding of that code in the words of findings.toml, with ``figures`` put in; an "ok" where ``count`` is 0.

    ``severity``: another one than there. ``variant``: which one of a text with several.
    """
    words = _words()[code]
    title = words["title"].format(**figures)
    if not count:
        return Finding(code, "ok", title, 0, total=total)
    meaning, advice = (
        (text if isinstance(text, str) else text[variant]).format(**figures)
        for text in (words["meaning"], words.get("advice", ""))
    )
    chosen: Severity = severity or words["severity"]
    return Finding(code, chosen, title, count, total, tuple(examples), meaning, advice, details or {})


@cache
def _words() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files(__package__) / "findings.toml").read_text(encoding="utf-8"))


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first; within a severity as given."""
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def _alignment_lines(alignment: dict[str, Any]) -> list[str]:
    """What both checks of the links say, and the MRR by relation."""
    lines = [
        line
        for source in ("titles", "interactions")
        if alignment.get(source)
        for line in textwrap.wrap(f"by {source}: {alignment[source]['reason']}", _WIDTH, subsequent_indent="    ")
    ]
    relations = (alignment.get("interactions") or {}).get("relations", [])
    if not relations:
        return ["", *lines] if lines else []
    width = max(len(row["relation"]) for row in relations)
    lines.append(
        f"  {'facts by co-interaction':<{max(width, 30)}} {'asked':>5}{'answers':>9}{'MRR':>8}{'shuffled':>10}"
        f"{'ratio':>7}  95% interval of the difference"
    )
    lines += [
        f"  {row['relation']:<{max(width, 30)}} {row['asked']:>5}{row['answers']:>9,}{row['mrr']:>8.3f}"
        f"{row['mrr_shuffled']:>10.3f}{row['ratio']:>7.1f}  [{row['low']:.3f}, {row['high']:.3f}]"
        for row in relations
    ]
    return ["", *lines]


def _finding_lines(finding: Finding) -> list[str]:
    count = f"{finding.count:,}" + (f" of {finding.total:,}" if finding.total is not None else "")
    lines = [f"{finding.severity.upper():<8}{finding.code}: {finding.title}: {count}"]
    for text in (finding.meaning, finding.advice and f"-> {finding.advice}"):
        lines += textwrap.wrap(text, _WIDTH, initial_indent="        ", subsequent_indent="        ")
    lines += [f"          {example}" for example in finding.examples]
    return [*lines, ""]
