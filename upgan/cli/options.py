"""Arguments and options that several commands have, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from upgan.config.systems import MODELS

#: Where runs are made and looked for.
RUNS = Path("checkpoints")

RunFolder = Annotated[Path, typer.Argument(help="A run folder.")]
Dataset = Annotated[Path, typer.Argument(help="A prepared dataset.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
Split = Annotated[str, typer.Option(help="test or valid.")]
By = Annotated[str | None, typer.Option(help="Break down by relation, sparsity, hops or side.")]
Model = Annotated[str, typer.Option(help=f"{', '.join(MODELS[:-1])} or {MODELS[-1]}.")]
Preset = Annotated[
    str | None,
    typer.Option(
        help="quality (what is best, by the data's size), paper (as printed) or demo (small); default the settings "
        "file's, else quality."
    ),
]
SettingsFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", help="key=value, for example --set model.dim=64; may repeat.")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda.")]
Force = Annotated[
    bool, typer.Option("--force", help="Train although another run trains on the device, or memory or disk fall short.")
]
