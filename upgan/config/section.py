"""What every section of settings is: frozen, and closed to keys that are not documented."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Settings are frozen, and a key that is not documented where they are defined is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
