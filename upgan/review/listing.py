"""A list for review: what a run proposes for its data, without what people have judged already."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from upgan.data.dataset import KGDataset
from upgan.errors import QueryError
from upgan.evaluation.evaluator import Progress
from upgan.predict.completion import complete
from upgan.predict.predictor import Predictor
from upgan.predict.sureness import Sureness, SurenessReport
from upgan.review.store import ReviewStore
from upgan.types import IntArray


def make_list(
    store: ReviewStore,
    predictor: Predictor,
    sure: Sureness,
    promise: SurenessReport | None = None,
    *,
    top: int = 1000,
    kind: str | None = None,
    relation: str | None = None,
    progress: Progress | None = None,
) -> int:
    """Ask the run for its ``top`` lines and keep them as a list; its number.

    Facts that were accepted or rejected before are not asked again, those judged "unsure" are. ``promise``: how the
    promises were kept on held-out facts, shown beside what people decide. QueryError where nothing is left to propose.
    """
    data = predictor.dataset
    catalogue = data.catalogue
    settled = _numbers(data, store.decisions(catalogue, ("yes", "no")))
    table = complete(predictor, relation, top, kind=kind, sure=sure, but=settled, progress=progress)
    if not len(table):
        raise QueryError("there is nothing to propose: every fact that makes sense is known or judged already")
    return store.add_list(
        catalogue=catalogue,
        dataset=data.fingerprint,
        name=data.name,
        run=predictor.run_path.name,
        model=predictor.fingerprint,
        options={"top": top, "kind": kind, "relation": relation},
        promise={**(promise.to_dict() if promise is not None else {}), "filled": _filled(data, table)},
        lines=_lines(data, table),
    )


def _filled(data: KGDataset, table: pd.DataFrame) -> list[list[Any]]:
    """Of the gaps in the table: relation, the end asked for, kind, and the share of the kind that has something."""
    gaps = table.assign(kind=_kinds(data, table)).dropna(subset="filled")
    rows: list[list[Any]] = gaps[["relation", "asked", "kind", "filled"]].drop_duplicates().to_numpy().tolist()
    return rows


def _kinds(data: KGDataset, table: pd.DataFrame) -> list[str]:
    """(N,) whose slot each line is."""
    whose = table["head"].where(table["asked"] == "tail", table["tail"])
    return [data.kinds[data.entity_index[name]] for name in whose]


def _lines(data: KGDataset, table: pd.DataFrame) -> list[dict[str, Any]]:
    decides = (table["rank"] == 1) & (table["rank_without_users"] > 1)
    rows = table.assign(decides=decides.astype(int), kind=_kinds(data, table)).to_dict("records")
    return [
        {**{str(name): value for name, value in row.items()}, "sure": None if math.isnan(row["sure"]) else row["sure"]}
        for row in rows
    ]


def _numbers(data: KGDataset, decided: list[dict[str, Any]]) -> IntArray:
    """(N, 3) the facts of decisions, those of which the data still have all the names."""
    numbers = [
        (
            data.entity_index.get(row["head"]),
            data.relation_index.get(row["relation"]),
            data.entity_index.get(row["tail"]),
        )
        for row in decided
    ]
    return np.array([row for row in numbers if None not in row], dtype=np.int64).reshape(-1, 3)
