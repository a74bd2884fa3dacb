"""Train what a plan lacks: each run in a process of its own, so many at a time; a failed one does not stop the rest."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from upgan.data.dataset import KGDataset
from upgan.errors import BusyError, ConfigError, RunError, UpganError
from upgan.reproduce.plan import PlannedRun
from upgan.reproduce.reuse import FinishedRun, finished_run, finished_runs, reusable
from upgan.runs.files import is_run
from upgan.runs.history import last_words
from upgan.runs.launch import check_free, check_resumable, claim, create, give_back, spawn
from upgan.runs.locks import run_lock
from upgan.runs.status import run_state

Tell = Callable[[str], None]
#: Seconds between looks at the processes, and between lines of progress.
LOOK_EVERY, TELL_EVERY = 0.2, 5.0
#: Seconds that a training has to save when it is asked to stop.
PATIENCE = 60.0


@dataclass(frozen=True)
class Outcome:
    """What came of a planned run: its folder, or the reason why there is none."""

    planned: PlannedRun
    finished: FinishedRun | None
    how: str
    problem: str = ""


@dataclass
class _Job:
    planned: PlannedRun
    folder: Path
    how: str
    #: None: another process trains it, of a command beside this one or of one that was killed.
    process: subprocess.Popen[bytes] | None
    began: float = field(default_factory=time.monotonic)

    def over(self) -> bool:
        if self.process is not None:
            return self.process.poll() is not None
        try:
            return not run_state(self.folder).active
        except UpganError:  # deleted meanwhile
            return True


class Executor:
    """Runs of one dataset, found or trained below ``root``."""

    def __init__(self, dataset: KGDataset, root: Path, tell: Tell, *, jobs: int = 1, resume: bool = True) -> None:
        self.dataset = dataset
        self.root = root
        self.tell = tell
        self.jobs = jobs
        self.resume = resume

    def run(self, planned: Sequence[PlannedRun], *, also: Path | None = None) -> list[Outcome]:
        """An outcome for each planned run, in order. Interrupted, every training is asked to save, and waited for.

        Finished runs in ``also`` are used too, but none is trained there.
        """
        roots = [self.root] if also is None else [self.root, also]
        there = [run for root in roots for run in finished_runs(root, self.dataset.fingerprint)]
        outcomes: dict[int, Outcome] = {}
        waiting: list[tuple[int, PlannedRun]] = []
        for place, each in enumerate(planned):
            finished = None if each.config is None else reusable(each.config, there)
            if each.config is None:
                outcomes[place] = Outcome(each, None, "failed", each.problem)
            elif finished is not None:
                outcomes[place] = Outcome(each, finished, "reused")
            else:
                waiting.append((place, each))
        impossible = sum(outcome.finished is None for outcome in outcomes.values())
        self.tell(
            f"{len(planned)} runs: {len(outcomes) - impossible} are there, {len(waiting)} to train"
            + (f", {impossible} impossible" if impossible else "")
        )
        self._train(waiting, outcomes)
        return [outcomes[place] for place in range(len(planned))]

    def states(self, planned: Sequence[PlannedRun]) -> list[dict[str, Any]]:
        """What ``run`` would find: a finished run to use, one to go on with, nothing, or why there can be none."""
        there = finished_runs(self.root, self.dataset.fingerprint)
        return [self._state_of(each, there) for each in planned]

    def _state_of(self, planned: PlannedRun, there: Sequence[FinishedRun]) -> dict[str, Any]:
        run: dict[str, Any] = {"row": planned.row, "system": planned.system, "x": planned.x, "seed": planned.seed}
        if planned.config is None:
            return {**run, "state": "impossible", "run": None, "problem": planned.problem}
        finished = reusable(planned.config, there)
        folder = self.folder(planned) if finished is None else finished.folder
        state = "finished" if finished is not None else "begun" if is_run(folder) else "missing"
        return {**run, "state": state, "run": str(folder), "problem": ""}

    def folder(self, planned: PlannedRun) -> Path:
        """Where a run is trained."""
        return self.root / planned.folder_name(self.dataset.name, self.dataset.fingerprint)

    def _train(self, waiting: list[tuple[int, PlannedRun]], outcomes: dict[int, Outcome]) -> None:
        at_work: dict[int, _Job] = {}
        durations: list[float] = []
        total, reported = len(waiting), 0.0
        try:
            while waiting or at_work:
                while waiting and len(at_work) < self.jobs:
                    place, planned = waiting.pop(0)
                    begun = self._begin(planned)
                    if isinstance(begun, _Job):
                        at_work[place] = begun
                    else:
                        outcomes[place] = begun
                for place, job in [pair for pair in at_work.items() if pair[1].over()]:
                    del at_work[place]
                    outcome = self._outcome(job)
                    if outcome.finished is None and job.process is None:
                        waiting.insert(0, (place, job.planned))  # somebody stopped it: it is ours to end
                        continue
                    if job.how == "trained":  # whole, and not the rest of a run
                        durations.append(time.monotonic() - job.began)
                    outcomes[place] = outcome
                    self.tell(_ended(outcome, job.folder))
                if at_work and time.monotonic() - reported > TELL_EVERY:
                    reported = time.monotonic()
                    left = len(waiting) + len(at_work)
                    self.tell(self._progress(total - left, total, list(at_work.values()), waiting, durations))
                time.sleep(LOOK_EVERY if at_work else 0)
        except KeyboardInterrupt:
            self.tell("interrupted: what is being trained is saved; the same command goes on from there")
            raise
        finally:
            _end([job.process for job in at_work.values() if job.process is not None])

    def _begin(self, planned: PlannedRun) -> _Job | Outcome:
        """Start or go on with a run, or wait for whoever trains it; an outcome where there is nothing to wait for."""
        folder = self.folder(planned)
        try:
            # Held until the status says whose the run is: of two commands at the same instant one makes the folder.
            with run_lock(folder):
                how = self._take(planned, folder)
            if isinstance(how, Outcome):
                return how
            # Several may train beside each other, so the device is not locked. In a session of its own Ctrl-C reaches
            # it once, through ``_end``, and not a second time, which would not let it save.
            environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
            return _Job(planned, folder, how, spawn(folder, force=True, environment=environment))
        except BusyError:
            self.tell(f"{folder.name}: another process trains it already; waiting for that")
            return _Job(planned, folder, "reused", None)
        except (UpganError, OSError) as error:
            give_back(folder, {}, str(error))  # nobody need wait for what was taken and then could not be started
            self.tell(f"{folder.name} failed: {error}")
            return Outcome(planned, None, "failed", str(error))

    def _take(self, planned: PlannedRun, folder: Path) -> str | Outcome:
        """Make the run, or take it over: how it is to be trained. An outcome where another command has finished it.

        Only for who holds the folder. Raises BusyError where another process works on it, or is about to.
        """
        assert planned.config is not None
        if is_run(folder):
            if run_state(folder).active:
                raise BusyError(f"{folder}: another process trains it")
            finished = finished_run(folder, self.dataset.fingerprint)
            if finished is not None and reusable(planned.config, [finished]) is not None:
                return Outcome(planned, finished, "reused")
            if self.resume and _can_go_on(folder):
                claim(folder)
                return "resumed"
        check_free(folder, overwrite=True)
        create(folder, self.dataset, planned.config)
        return "trained"

    def _outcome(self, job: _Job) -> Outcome:
        """What a training left whose process is over."""
        finished = finished_run(job.folder, self.dataset.fingerprint)
        try:
            state = run_state(job.folder)
        except UpganError as error:  # deleted meanwhile
            return Outcome(job.planned, None, "failed", str(error))
        if finished is not None and state.state == "finished":
            return Outcome(job.planned, finished, job.how)
        last = last_words(job.folder)
        if state.state != "pending":
            return Outcome(job.planned, None, "failed", f"{state.state}: {state.message or last}")
        if job.process is not None:
            # It ended before it took the run over, and the log is all that it left. Nobody need wait for it any more.
            give_back(job.folder, {}, f"could not start: {last}")
        return Outcome(job.planned, None, "failed", last)

    def _progress(
        self, done: int, total: int, jobs: list[_Job], waiting: list[tuple[int, PlannedRun]], durations: list[float]
    ) -> str:
        """Where everything is, and how long the rest takes: by the runs so far, else by the time limit."""
        each = sum(durations) / len(durations) if durations else None
        said = []
        for job in jobs:
            name = f"{job.planned.row} s{job.planned.seed}"
            with suppress(UpganError):  # deleted, or not made yet
                status = run_state(job.folder)
                name += f" {status.phase} {status.epoch}/{status.epochs}"
            said.append(name)
        left = [self._left(job, each) for job in jobs]
        left += [self._limit(planned) or None if each is None else each for _, planned in waiting]
        known = [seconds for seconds in left if seconds is not None]
        eta = f"{sum(known) / self.jobs / 60:.1f} min" if len(known) == len(left) else "unknown until a run has ended"
        return f"[{done}/{total}] {'; '.join(said)}; ETA {eta}"

    def _left(self, job: _Job, usual: float | None) -> float | None:
        """Seconds that a training still takes, as the ``usual`` one does; one that takes longer, up to its limit."""
        spent, limit = time.monotonic() - job.began, self._limit(job.planned)
        if usual is not None and spent < usual:
            return usual - spent
        return max(0.0, limit - spent) if limit else None

    @staticmethod
    def _limit(planned: PlannedRun) -> float:
        return 0.0 if planned.config is None else planned.config.max_seconds


def _ended(outcome: Outcome, folder: Path) -> str:
    if outcome.finished is None:
        return f"{folder.name} failed: {outcome.problem}"
    return f"{folder.name}: {outcome.how}, test MRR {100 * float(outcome.finished.metrics['mrr'] or 0):.2f}"


def _can_go_on(folder: Path) -> bool:
    with suppress(RunError, ConfigError):
        check_resumable(folder)
        return True
    return False


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Ask the trainings to save and end; whoever does not is killed, which costs what it did since its last save."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
