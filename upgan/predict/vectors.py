"""The learned vectors of a run with the ids that they belong to, as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from upgan.config.systems import MODEL_NAMES
from upgan.errors import QueryError
from upgan.types import INVERSE_MARK

if TYPE_CHECKING:
    from upgan.training.checkpoint import LoadedRun

#: A model's table of vectors -> what one of its rows is.
MEANINGS = {
    "entity": "an entity's own learned vector; what users and neighbours add to it in an answer is not in it",
    "relation": "a relation's learned vector",
    "target_relation": "a relation's second vector, which reads what the users of the entity asked about chose (v'_r)",
    "answer_relation": "a relation's third vector, which reads what the users of a candidate chose (v''_r)",
}
_COMPLEX = "; the first half of the numbers are the real parts, the second half the imaginary parts"


def vectors(run: LoadedRun) -> pd.DataFrame:
    """One row for each vector: ``of`` (a name of ``MEANINGS``), id, label, and the numbers v0, v1, ... in float32.

    A relation that has a vector for each direction has two rows, the second with its id and label marked "⁻¹". Where
    relations have fewer numbers than entities, the rest is empty (NaN). ``attrs["about"]`` says what each table is.
    QueryError where the model learns no vector of any entity.
    """
    tables = run.model.vector_tables()
    model = MODEL_NAMES.get(run.config.model_name, run.config.model_name)
    if "entity" not in tables:
        raise QueryError(f"{run.path}: {model} learns no vectors of entities, so there are none to give")
    data = run.dataset
    named = {"entity": (data.entities, data.entity_labels), "relation": (data.relations, data.relation_labels)}
    widest = max(table.shape[1] for table in tables.values())
    parts = []
    for name, table in tables.items():
        ids, labels = named["entity" if name == "entity" else "relation"]
        if len(table) == 2 * len(ids):
            ids, labels = ([*texts, *(text + INVERSE_MARK for text in texts)] for texts in (ids, labels))
        numbers = np.full((len(table), widest), np.nan, dtype=np.float32)
        numbers[:, : table.shape[1]] = table.detach().cpu().float().numpy()
        part = pd.DataFrame(numbers, columns=[f"v{place}" for place in range(widest)])
        parts.append(pd.concat([pd.DataFrame({"of": name, "id": ids, "label": labels}), part], axis=1))
    found = pd.concat(parts, ignore_index=True)
    halves = _COMPLEX if getattr(run.model, "product", "") == "complex" else ""
    found.attrs["about"] = {name: f"{model}: {MEANINGS[name]}{halves}" for name in tables}
    return found
