"""Search every system's settings with the same number of trials and the same time each; validation alone decides.

A study is a journal on disk (optuna): a search that was killed goes on with the trial it was at. The first trial is the
system's defaults. Where the best trial is another one and the final runs have more time than a trial, both are trained
with that time, and the better one on validation is taken: a short trial favours what learns fast.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from upgan.config.presets import SEARCH
from upgan.config.settings import flat_settings
from upgan.config.systems import MODEL_NAMES, REGISTERED
from upgan.errors import ConfigError
from upgan.reproduce.document import SearchDocument, Searched
from upgan.reproduce.execute import Executor, Outcome
from upgan.reproduce.plan import Effort, PlannedRun, Request, settings_of, systems_of

#: Trials before the estimator takes over from even draws.
STARTUP = 5
OVER = (TrialState.COMPLETE, TrialState.FAIL)
#: Significant digits that a drawn number keeps: more would only make settings hard to read.
DIGITS = 3


class Search:
    """Searches of the systems of one target; all its files are below ``folder``."""

    def __init__(self, request: Request, executor: Executor, folder: Path, effort: Effort) -> None:
        if not len(executor.dataset.valid):
            raise ConfigError(
                f"--search: dataset {executor.dataset.name} has no validation triples to choose settings by; prepare "
                "it with a second share above 0 (--split 0.8,0.1,0.1)"
            )
        self.request = replace(request, budget=effort.seconds)
        self.effort = effort
        self.tell = executor.tell
        self.final, self.final_request = executor, request
        self.executor = Executor(
            executor.dataset, folder / "runs", executor.tell, jobs=executor.jobs, resume=executor.resume
        )
        self.folder = folder
        fixed = [text.partition("=")[0].strip() for text in request.assignments]
        spaces = {system: space_of(system, request.upgan_preset, fixed) for system in systems_of(request)}
        self.spaces = {system: space for system, space in spaces.items() if space}
        self.studies = {system: self._study(system) for system in self.spaces}

    def run(self) -> SearchDocument:
        """Do the trials that are missing, a round of all systems at a time; returns what was found."""
        began, done_before = time.monotonic(), self._over()
        wanted = self.effort.trials * len(self.studies)
        while pending := [system for system in self.studies if len(self._done(system)) < self.effort.trials]:
            done = self._over()
            spent = time.monotonic() - began
            eta = f"; ETA {spent / (done - done_before) * (wanted - done) / 60:.1f} min" if done > done_before else ""
            self.tell(f"search: {done} of {wanted} trials{eta}")
            tried = [each for system in pending if (each := self._next(system)) is not None]
            outcomes = self.executor.run([planned for _, planned in tried])
            for (number, _), outcome in zip(tried, outcomes, strict=True):
                self._report(number, outcome)
        return self._document(self._confirm())

    # Studies ---------------------------------------------------------------------------------------------------------

    def _study(self, system: str) -> optuna.Study:
        """The system's study, made where there is none; another budget, space or dataset has another one."""
        base = settings_of(self.request, system, self.request.seeds[0], {})
        settings = {key: value for key, value in flat_settings(base).items() if key not in ("device", "threads")}
        text = json.dumps([self.executor.dataset.fingerprint, settings, self.spaces[system]], sort_keys=True)
        name = f"{system}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        storage = JournalStorage(JournalFileBackend(str(self.folder / f"{name}.jsonl")))
        study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial({key: settings[key] for key in self.spaces[system]})
        return study

    def _done(self, system: str) -> list[FrozenTrial]:
        """Trials that are over, of the first so many that are wanted."""
        trials = self.studies[system].get_trials(deepcopy=False, states=OVER)
        return [trial for trial in trials if trial.number < self.effort.trials]

    def _over(self) -> int:
        return sum(len(self._done(system)) for system in self.studies)

    def _next(self, system: str) -> tuple[int, PlannedRun] | None:
        """Number and run of the trial that a killed search was at, or of a new one; None where nothing is to train."""
        study, wanted = self.studies[system], distributions(self.spaces[system])
        begun = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        if begun and begun[0].params.keys() == wanted.keys():
            number, params = begun[0].number, begun[0].params
        elif begun:  # killed while it was drawn
            study.tell(begun[0].number, state=TrialState.FAIL, skip_if_finished=True)
            return None
        else:
            # The draws of a trial depend on its number and not on what was drawn since the process began.
            seed = 1000 * self.request.seeds[0] + len(study.get_trials(deepcopy=False))
            study.sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=STARTUP)
            trial = study.ask(fixed_distributions=wanted)
            number, params = trial.number, trial.params
        same = next((trial for trial in self._done(system) if trial.params == params and trial.value is not None), None)
        if same is not None:
            study.tell(number, same.value, skip_if_finished=True)
            return None
        try:
            return number, _planned(self.request, system, settings_of_trial(params))
        except ConfigError as error:  # settings that do not go with each other
            self.tell(f"{system}, trial {number}: {error}")
            study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
            return None

    def _report(self, number: int, outcome: Outcome) -> None:
        """Hand a trial's validation MRR to its study; of the runs only the best one's folder is kept."""
        system = outcome.planned.system
        study = self.studies[system]
        if outcome.finished is None:
            study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
            return
        study.tell(number, outcome.finished.metrics["valid"]["mrr"], skip_if_finished=True)
        best = self._best(system)
        for trial in self._done(system):
            if best is not None and trial.params != best.params:
                with suppress(ConfigError):  # settings that no run was made with
                    planned = _planned(self.request, system, settings_of_trial(trial.params))
                    shutil.rmtree(self.executor.folder(planned), ignore_errors=True)

    # What was found --------------------------------------------------------------------------------------------------

    def _best(self, system: str) -> FrozenTrial | None:
        """The first of the trials with the highest validation MRR."""
        valued = [trial for trial in self._done(system) if trial.value is not None]
        return max(valued, key=lambda trial: (trial.value, -trial.number), default=None)

    def _confirm(self) -> dict[str, tuple[float | None, float | None]]:
        """System -> validation MRR of the defaults and of the best trial's settings with the final runs' time.

        For the systems whose best trial is not the defaults. Nothing where a trial's time is the final one.
        """
        if self.final_request.budget == self.effort.seconds:
            return {}
        better = {system: best for system in self.studies if (best := self._best(system)) is not None and best.number}
        planned = [
            _planned(self.final_request, system, changed)
            for system, best in better.items()
            for changed in ({}, settings_of_trial(best.params))
        ]
        if planned:
            self.tell(f"search: defaults and best trial of {len(better)} systems with the final runs' time")
        # A trial that ended by itself is such a run already.
        reached = [
            None if outcome.finished is None else float(outcome.finished.metrics["valid"]["mrr"])
            for outcome in self.final.run(planned, also=self.executor.root)
        ]
        return {system: (reached[2 * place], reached[2 * place + 1]) for place, system in enumerate(better)}

    def _document(self, confirmed: Mapping[str, tuple[float | None, float | None]]) -> SearchDocument:
        data = self.executor.dataset
        return {
            "dataset": {"name": data.name, "fingerprint": data.fingerprint},
            "preset": self.request.upgan_preset,
            "seed": self.request.seeds[0],
            "trials": self.effort.trials,
            "trial_seconds": self.effort.seconds or None,
            "final_seconds": self.final_request.budget or None,
            "systems": {system: self._of_system(system, confirmed.get(system)) for system in self.studies},
        }

    def _of_system(self, system: str, final: tuple[float | None, float | None] | None) -> Searched:
        done, best = self._done(system), self._best(system)
        defaults = next((trial.value for trial in done if trial.number == 0), None)
        # Where the defaults are the best there is nothing to change, nor where the best trial's gain did not last.
        changed = best is not None and best.number > 0 and (final is None or _above(final[1], final[0]))
        return {
            "trials": len(done),
            "failed": sum(trial.value is None for trial in done),
            "default_valid_mrr": defaults,
            "valid_mrr": None if best is None else best.value,
            "final": None if final is None else {"default_valid_mrr": final[0], "valid_mrr": final[1]},
            "settings": settings_of_trial(best.params) if changed and best is not None else {},
        }


# What may be changed --------------------------------------------------------------------------------------------------


def space_of(system: str, preset: str, fixed: Sequence[str] = ()) -> dict[str, Mapping[str, Sequence[Any]]]:
    """Setting -> how it is drawn, as the system registers it; ``fixed`` settings, which the user chose, are left out.

    ``preset`` matters for UPGAN alone. A preset without a space has nothing to search: the result is empty.
    """
    space = SEARCH.get(preset, {}) if system == "upgan" else REGISTERED[system].search
    return {key: drawn for key, drawn in space.items() if key not in fixed}


def distributions(space: Mapping[str, Mapping[str, Sequence[Any]]]) -> dict[str, BaseDistribution]:
    """The same for optuna."""
    drawn: dict[str, BaseDistribution] = {}
    for key, how in space.items():
        ((kind, values),) = how.items()
        if kind == "choice":
            drawn[key] = CategoricalDistribution(values)
        else:
            low, high = values
            drawn[key] = FloatDistribution(low, high, log=kind == "log")
    return drawn


def settings_of_trial(params: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's parameters as settings, numbers rounded."""
    return {
        key: float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
        for key, value in sorted(params.items())
    }


def _planned(request: Request, system: str, changed: Mapping[str, Any]) -> PlannedRun:
    """One run of the system with the first seed. Raises ConfigError where the settings do not go together."""
    config = settings_of(request, system, request.seeds[0], changed)
    return PlannedRun(system, system, MODEL_NAMES[system], None, config.seed, config)


def _above(value: float | None, other: float | None) -> bool:
    """Whether a run's figure is the better one; a run that failed has none."""
    return value is not None and (other is None or value > other)


def best_settings(search: SearchDocument) -> dict[str, dict[str, Any]]:
    """System -> settings, for a plan."""
    return {system: of["settings"] for system, of in search["systems"].items()}
