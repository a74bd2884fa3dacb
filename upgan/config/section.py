"""What every section of settings is: frozen, and closed to keys that are not documented."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

#: The losses of queries that are scored against all entities (upgan.objectives.losses).
OneToN = Literal["cross_entropy", "cross_entropy_filtered", "bce"]
#: ``json_schema_extra`` of a field of Config that makes no other system: another draw of it (the seed), or the same one
#: made elsewhere, within another time or under other eyes.
NEUTRAL: JsonDict = {"neutral": True}


class Section(BaseModel):
    """Settings are frozen, and a key that is not documented where they are defined is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
