"""What a run wrote while it trained, read bit by bit as it grows: curves, the pinned query, everything as a table."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from upgan.config.settings import setting_keys
from upgan.errors import UpganError
from upgan.render.csv_tables import to_csv
from upgan.render.pseudonyms import PREFIX
from upgan.render.words import clean, shorten
from upgan.runs import history
from upgan.runs.history import Curve, Position
from upgan.runs.settings import settings_of

#: Columns of the metrics table that say where a line belongs, in their order.
_PLACE = ("run", "t", "phase", "epoch", "step", "seconds")
#: What a curve has for each of its points.
_ARRAYS = ("phase", "epoch", "step", "value")
#: Rows of the pinned query's tables.
_LOOKS = 12


class Followed:
    """A run's curves and pinned query; ``update`` reads only what was written since."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._read: Position | None = None
        self._pinned_read: Position | None = None
        self._curves: dict[str, Curve] = {}
        self._pinned: tuple[dict[str, Any], ...] = ()
        #: Lines of each file that are no lines of a run, and are left out.
        self.damaged = {"metrics.jsonl": 0, "pinned.jsonl": 0}

    def update(self) -> tuple[Mapping[str, Curve], tuple[dict[str, Any], ...]]:
        """(key -> curve, looks at the pinned query), oldest first."""
        with self._lock:
            new = history.read_history(self._run, self._read)
            fresh = history.curves(new.lines)
            self._curves = fresh if new.whole else _joined(self._curves, fresh)
            self._read = new.position
            looks = history.read_pinned(self._run, self._pinned_read)
            self._pinned = tuple(looks.lines) if looks.whole else (*self._pinned, *looks.lines)
            self._pinned_read = looks.position
            for name, part in (("metrics.jsonl", new), ("pinned.jsonl", looks)):
                self.damaged[name] = part.damaged + (0 if part.whole else self.damaged[name])
            return dict(self._curves), self._pinned


def _joined(before: Mapping[str, Curve], after: Mapping[str, Curve]) -> dict[str, Curve]:
    """Curves that go on."""
    longer = {}
    for key, curve in after.items():
        if old := before.get(key):
            ends = {part: np.concatenate([getattr(old, part), getattr(curve, part)]) for part in _ARRAYS}
            longer[key] = Curve(key, **ends)
    return {**before, **after, **longer}


# Which curves belong together ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chart:
    """Lines that are drawn together."""

    key: str
    title: str
    meaning: str
    #: Name of a line -> its curve.
    lines: Mapping[str, Curve]


_LOSS_NAMES = {
    "loss_d": "D",
    "loss_d_real": "D on facts",
    "loss_d_fake": "D on negatives",
    "loss_g": "G",
}
_GENERATOR_NAMES = {"reward": "reward of G", "entropy_g": "entropy of G"}
_OTHER_NAMES = {
    "gamma": "mean weight of evidence",
    "directions": "relations and directions with walks",
    "target": "loss of the target (KBGAN)",
    "generator": "loss of the generator (KBGAN)",
    "recommendation": "loss of recommendation",
    "transfer": "distance between items and their entities",
    "orthogonal": "loss of orthogonality (relations and their planes)",
    "bpr": "loss of recommendation (BPR)",
}


def charts(curves: Mapping[str, Curve]) -> list[Chart]:
    """Validation, losses, and what the generator does, as far as there is anything of them."""
    valid = {_valid_name(key): curves[key] for key in ("valid.mrr", "valid.hits@1", "valid.hits@3", "valid.hits@10")
             if key in curves}  # fmt: skip
    losses = by_phase(curves["loss"]) if "loss" in curves else {}
    before = {phase_words(phase): part for phase, part in losses.items()}
    game, generator = (
        {words: curves[key] for key, words in names.items() if key in curves}
        for names in (_LOSS_NAMES, _GENERATOR_NAMES)
    )
    known = {"loss", *_LOSS_NAMES, *_GENERATOR_NAMES}
    others = {
        _OTHER_NAMES.get(key, key): curve
        for key, curve in curves.items()
        if key not in known and not key.startswith("valid.")
    }
    every = (
        Chart("valid", "Validation", "Filtered MRR and Hits on facts held out of training; higher is better.",
              valid),
        Chart("losses", "Losses of the first phases", "Mean of each epoch of the initialisation and of "
              "pre-training; the two are different losses, so do not compare their heights.", before),
        Chart("game", "Losses of discriminator (D) and generator (G)",
              "Mean of each epoch of the adversarial phase. D's loss is the sum of its "
              "losses on facts and on G's negatives.", game),
        Chart("generator", "Generator", "The reward that G gets from D for its negatives, and the entropy of G's "
              "choice: near 0, G always offers the same negatives.", generator),
        Chart("others", "Others", "Everything else that the training recorded.", others),
    )  # fmt: skip
    return [chart for chart in every if any(len(curve.value) for curve in chart.lines.values())]


def by_phase(curve: Curve) -> dict[str, Curve]:
    """One curve's parts, phase by phase in the order of training."""
    parts_of = {}
    for phase in dict.fromkeys(curve.phase.tolist()):
        here = np.flatnonzero(curve.phase == phase)
        parts_of[phase] = replace(curve, **{part: getattr(curve, part)[here] for part in _ARRAYS})
    return parts_of


def phase_starts(curves: Mapping[str, Curve]) -> list[tuple[str, int]]:
    """(phase, the step at which it began), in the order of training; phases that repeat their step are left out."""
    evaluated = curves.get("valid.mrr")
    if evaluated is None or not len(evaluated.step):
        return []
    return [(phase, int(part.step[0])) for phase, part in by_phase(evaluated).items()]


def _valid_name(key: str) -> str:
    return {"valid.mrr": "MRR"}.get(key, key.removeprefix("valid.").replace("hits", "Hits"))


def phase_words(phase: str) -> str:
    """A phase's name for people, on one line."""
    return shorten(clean(phase), 60).replace("pretrain", "pre-training")


def value_words(key: str) -> str:
    """A curve's name for a list."""
    if key.startswith("valid."):
        return f"validation {_valid_name(key)}" if key != "valid.mr" else "validation mean rank"
    words = {"loss": "loss (initialisation, pre-training)", **_GENERATOR_NAMES, **_OTHER_NAMES}
    return f"loss: {_LOSS_NAMES[key]}" if key in _LOSS_NAMES else words.get(key, key)


# The pinned query ----------------------------------------------------------------------------------------------------


def looks(pinned: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of pinned.jsonl that have a rank, oldest first."""
    return [line for line in pinned if isinstance(line.get("rank"), int | float)]


def named_at_looks(
    looks: Sequence[Mapping[str, Any]], what: str, size: str, name_of: Callable[[str], str]
) -> list[dict[str, str]]:
    """A row for each of the last looks, the latest first: when, then its ``what``, each with its ``size``."""
    return [
        {"evaluation": f"{phase_words(str(line.get('phase', '')))} {line.get('epoch', '')}"}
        | {str(place): f"{name_of(str(each['id']))} ({each[size]:.3g})" for place, each in enumerate(line[what], 1)}
        for line in looks[::-1][:_LOOKS]
        if line.get(what)
    ]


# Tables to take away -------------------------------------------------------------------------------------------------


def metrics_csv(runs: Mapping[str, Path]) -> str:
    """Every line that the runs wrote, one row each, name -> folder."""
    rows = []
    for name, folder in runs.items():
        for line in history.read_history(folder).lines:
            row = {"run": name, **{key: value for key, value in line.items() if key != "valid"}}
            rows.append(row | {f"valid.{key}": value for key, value in (line.get("valid") or {}).items()})
    return table_csv(rows, _PLACE)


def pinned_csv(runs: Mapping[str, Path], *, real_ids: bool = False) -> str:
    """The pinned queries of the runs: a row for each look and each user or negative named there.

    Users go by pseudonyms, in the order in which they are named, unless ``real_ids``.
    """
    rows: list[dict[str, Any]] = []
    aliases: dict[Any, str] = {}
    for name, folder in runs.items():
        for line in history.read_pinned(folder).lines:
            place = {"run": name} | {key: line.get(key) for key in ("t", "phase", "epoch", "step", "rank", "score")}
            for kind, what, size in (("user", "users", "weight"), ("negative", "negatives", "probability")):
                for number, each in enumerate(line.get(what) or (), 1):
                    name = each.get("id")
                    if kind == "user" and not real_ids:
                        name = aliases.setdefault(name, f"{PREFIX}{len(aliases) + 1}")
                    rows.append(place | {"kind": kind, "place": number, "id": name, "value": each.get(size)})
            if not (line.get("users") or line.get("negatives")):
                rows.append(place)
    return table_csv(rows, (*_PLACE[:-1], "rank", "score", "kind", "place", "id", "value"))


def table_csv(rows: Sequence[Mapping[str, Any]], first: Sequence[str] = ()) -> str:
    """Rows with any keys as one table: ``first`` in front, the others in the order in which they appear."""
    return to_csv(rows, list(dict.fromkeys([*first, *(key for row in rows for key in row)])))


def settings_csv(runs: Mapping[str, Path]) -> str:
    """Every setting of the runs, a column each. Runs whose settings cannot be read are left out."""
    settings = {}
    for name, folder in runs.items():
        with contextlib.suppress(UpganError):
            settings[name] = settings_of(folder)
    rows = [{"setting": key, "meaning": meaning} | {name: values.get(key) for name, values in settings.items()}
            for key, meaning in setting_keys().items()]  # fmt: skip
    return table_csv(rows, ("setting", *settings, "meaning"))
