"""`upgan reproduce fig4`: the two cases of section 5.6, asked of finished runs of the dataset or of new ones."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upgan.cli.output import note, print_result
from upgan.cli.runs import train
from upgan.data.dataset import KGDataset
from upgan.errors import RunError, UpganError
from upgan.predict.predictor import Predictor, load
from upgan.reproduce.fig4 import Candidate, CaseResult, answer_case, fig4_page, found_cases, write_files
from upgan.runs.files import RESULT_FILE
from upgan.runs.launch import free_folder
from upgan.training.checkpoint import dataset_fingerprint, load_config


@dataclass(frozen=True)
class Runs:
    """Where a reproduction gets its runs from: named, found by dataset, preset and seed, or trained now."""

    dataset: KGDataset
    named: list[Path]
    preset: str | None
    seeds: list[int] | None
    checkpoints: Path

    def predictors(self) -> list[Predictor]:
        """One for each run, opened."""
        if not self.named:
            seeds: list[int | None] = [None] if self.seeds is None else [*self.seeds]
            return [load(self._found(seed) or self._trained(seed or 0)) for seed in seeds]
        opened = [load(path) for path in self.named]
        for predictor in opened:
            if predictor.dataset.fingerprint != self.dataset.fingerprint:
                raise RunError(
                    f"{predictor.run_path}: a run of dataset {predictor.dataset.name} "
                    f"({predictor.dataset.fingerprint[:12]}), not of {self.dataset.name} "
                    f"({self.dataset.fingerprint[:12]}); name a run of this dataset, or leave --run out"
                )
        return opened

    def _found(self, seed: int | None) -> Path | None:
        """The newest finished run that fits; None where there is none."""
        fitting = [folder for folder in self.checkpoints.glob("*/") if self._fits(folder, seed)]
        newest = max(fitting, key=lambda folder: (folder / RESULT_FILE).stat().st_mtime, default=None)
        if newest is not None:
            note(f"using {newest}")
        return newest

    def _fits(self, folder: Path, seed: int | None) -> bool:
        """A finished run of this dataset with users to explain by, no control that saw only a part or a shuffle."""
        try:
            config = load_config(folder)
            of = dataset_fingerprint(folder)
        except UpganError:
            return False  # half a run, or something else: not what is looked for
        seen = config.graph
        whole = seen.interactions == "real" and seen.triple_share == seen.interaction_share == 1
        return (
            (folder / RESULT_FILE).is_file()
            and of == self.dataset.fingerprint
            and config.model_name == "upgan"
            and config.model.use_users
            and config.reads != "whole"
            and whole
            and self.preset in (None, config.preset)
            and seed in (None, config.seed)
        )

    def _trained(self, seed: int) -> Path:
        """A new run in the first free folder of the usual name."""
        preset = self.preset or "quality"
        folder = free_folder(self.checkpoints, f"{self.dataset.name}-upgan-{preset}-s{seed}")
        note(f"no finished run of this dataset in {self.checkpoints} to use: training preset {preset}, seed {seed}")
        assert self.dataset.path is not None
        # The command prints the run's folder; here stdout belongs to the page.
        with contextlib.redirect_stdout(sys.stderr):
            train(self.dataset.path, run=folder, preset=preset, seed=seed)
        return folder


def reproduce_fig4(dataset: KGDataset, out: Path, runs: Runs, command: str, *, json: bool) -> None:
    """Find the cases, answer them, write the page with its files, and print it."""
    cases = found_cases(dataset)  # before any training
    predictors = runs.predictors()
    results = [answer_case(case, predictors) for case in cases]
    page = fig4_page(results, predictors, command)
    files = write_files(results, predictors[0], out, page)
    note(f"wrote {len(files)} files to {out}")
    print_result(
        json, {"target": "fig4", "page": str(files[0]), "cases": [_summary(result) for result in results]}, page
    )


def _summary(result: CaseResult) -> dict[str, Any]:
    answered = result.answered[0]
    return {
        "case": result.found.case.key,
        "how": result.found.how,
        "question": answered.question,
        "related_users": result.related,
        "first": answered.first,
        "answer": _candidate(answered.answer),
        "rival": None if answered.rival is None else _candidate(answered.rival),
    }


def _candidate(one: Candidate) -> dict[str, Any]:
    """Its fields, with the ranks and the score of its explanation in place of that."""
    ranks = ("score", "filtered_rank", "filtered_rank_without_users")
    fields = {name: value for name, value in vars(one).items() if name != "explanation"}
    return fields | {name: getattr(one.explanation, name) for name in ranks}
