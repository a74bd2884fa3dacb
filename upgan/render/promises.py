"""How promises of precision were kept, as text: a reliability diagram in lines, and one line a relation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upgan.render.table import Table
from upgan.render.words import clean, percent

_SITUATIONS = {
    "empty": "gaps, those with nothing to find counted as wrong",
    "further": "further values, on all slots",
    "all": "together",
}


def promises_text(report: Mapping[str, Any]) -> str:
    """The document of upgan.predict.sureness.SurenessReport for a terminal."""
    parts = [f"promises learned on {report['fitted']:,} validation questions, judged on {report['split']}"]
    for key, words in _SITUATIONS.items():
        told = report[key]
        sure = "" if told["sure_right"] is None else f", {percent(told['sure_right'])} of them right"
        parts.append(
            f"{words}: {told['examples']:,} questions, expected calibration error {told['error']:.3f} "
            f"(a perfect estimate would have {told['by_chance']:.3f} by chance); "
            f"promised at 90% or more: {told['sure']:,}{sure}"
        )
    bins = [
        (f"{percent(each['low'])} to {percent(each['high'])}", f"{each['count']:,}", percent(each["promised"]),
         percent(each["right"]), "#" * round(20 * each["right"]))
        for each in report["empty"]["bins"]
    ]  # fmt: skip
    parts.append(Table(("gaps promised", "lines", "promised", "right", ""), bins, frozenset({1, 2, 3})).text())
    rows = [
        (clean(each["label"]), each["asked"], each["slot"], f"{each['fitted']:,}", f"{told['examples']:,}",
         f"{told['error']:.3f}")
        for each in report["relations"] for told in [each["reliability"]]
    ]  # fmt: skip
    heads = ("relation", "asked", "slot", "learned on", "judged on", "error")
    parts.append(Table(heads, rows, frozenset({3, 4, 5})).text())
    return "\n\n".join(parts)
