"""Train into a run folder with its files and the console following along; the state is true however it ends."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from upgan.cli.output import note
from upgan.cli.progress import TrainingProgress
from upgan.config.settings import Config
from upgan.data.dataset import KGDataset, load_dataset
from upgan.data.lacking import lacking
from upgan.errors import Stopped, UpganError
from upgan.experiment.log import RunLog
from upgan.experiment.resume import Checkpointer, has_state, load_state
from upgan.experiment.room import check_room
from upgan.experiment.train import Prepared, Start, load_start, prepare_training, resolve_device, train
from upgan.runs.files import STOP_FILE
from upgan.runs.launch import check_resumable, claim, create, description, give_back, start_of_run
from upgan.runs.locks import device_lock, run_lock
from upgan.runs.status import check_folder
from upgan.training.checkpoint import load_config
from upgan.training.loop import out_of_memory
from upgan.training.state import Keeper, TrainingState
from upgan.training.workers import TeamKeeper, leads, take_place, team_of


class StopRequest:
    """Whether training should finish its step, save and end: `upgan stop` asks with a file, Ctrl-C with a signal.

    The first signal asks, a second one ends training at once.
    """

    def __init__(self, run: Path) -> None:
        self._file = run / STOP_FILE
        self._requested = False

    def __call__(self) -> bool:
        return self._requested or self._file.exists()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take over SIGINT and SIGTERM while training."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        if self._requested:
            raise KeyboardInterrupt
        self._requested = True
        with contextlib.suppress(OSError):
            self._file.touch()  # so that everybody sees that it is stopping
        note("finishing the step and saving; a second Ctrl-C ends it at once")


def train_new(
    data: KGDataset, settings: Config, folder: Path, start: Path | None, *, force: bool, quiet: bool = False
) -> dict[str, Any]:
    """Make the run folder and train; nothing is written where the data, the settings or the start are no good."""
    take_place(settings.model_name)
    device = resolve_device(settings.device)
    if not leads():
        prepared = prepare_training(data, settings)
        start_from = None if start is None else load_start(start, data, settings)
        return _follow(prepared, settings, folder, TrainingState(prepared.random), start_from)
    for notice in lacking(users=data.num_users, valid=len(data.valid), test=len(data.test)):
        note(f"warning: {notice.text}")
    with run_lock(folder), device_lock(device.type, folder, force=force):
        start_from = None if start is None else load_start(start, data, settings)
        if not force:
            check_room(data, settings, folder)
        prepared = prepare_training(data, settings)
        create(folder, data, settings, start_from=start)
        state = TrainingState(prepared.random)
        details = description(data, settings, started=start is not None)
        return _train(prepared, settings, folder, state, start_from, details, quiet=quiet)


def train_on(folder: Path, *, force: bool, quiet: bool = False) -> dict[str, Any]:
    """Go on with a run, from its checkpoint or, where none was saved yet, from the beginning."""
    if not leads():
        settings = load_config(folder)
        take_place(settings.model_name)
        return _follow(*_taken_up(folder, settings, force=True))  # the first worker says what falls short
    with run_lock(folder):
        check_resumable(folder)
        take_place(load_config(folder).model_name)
        before = claim(folder)
        try:
            settings = load_config(folder)
            with device_lock(resolve_device(settings.device).type, folder, force=force):
                arguments = _taken_up(folder, settings, force=force)
                return _train(*arguments, {**before, "started": before.get("started")}, quiet=quiet)
        except KeyboardInterrupt:
            give_back(folder, {**before, "state": "interrupted"}, "ended while it read its data")
            raise
        except BaseException as error:
            give_back(folder, before, str(error) or type(error).__name__)
            raise


def _taken_up(
    folder: Path, settings: Config, *, force: bool
) -> tuple[Prepared, Config, Path, TrainingState, Start | None]:
    """Everything a run was trained with, read back from its folder."""
    data = load_dataset(folder / "dataset")
    if not force and not has_state(folder):
        check_room(data, settings, folder)
    prepared = prepare_training(data, settings)
    if has_state(folder):
        return prepared, settings, folder, load_state(folder, data, prepared.random), None
    start = start_of_run(folder)
    start_from = None if start is None else load_start(start, data, settings)
    return prepared, settings, folder, TrainingState(prepared.random), start_from


def _train(
    prepared: Prepared,
    settings: Config,
    folder: Path,
    state: TrainingState,
    start_from: Start | None,
    details: dict[str, Any],
    *,
    quiet: bool,
) -> dict[str, Any]:
    stop = StopRequest(folder)
    with TrainingProgress(quiet=quiet) as progress, stop.listening():
        log = RunLog(folder, progress.show, state=state, details={**details, "device": prepared.device.type})
        keeper = Checkpointer(folder, prepared.dataset, settings.checkpoint_seconds, stop)
        try:
            with team_of(prepared.device) as team:
                state.team, state.keeper = team, TeamKeeper(team, keeper)
                metrics = train(prepared, settings, folder, log, start_from=start_from, state=state)
        except Stopped as stopped:
            log.end("stopped", str(stopped))
            raise
        except KeyboardInterrupt:
            _write_end(log, "interrupted", f"ended at once; `upgan resume {folder}` goes on from the last save")
            raise
        except (UpganError, MemoryError, OSError, RuntimeError, ValueError) as error:
            short = out_of_memory(error, state.under_way) or _gone(folder)
            _write_end(log, "failed", str(short or error) or type(error).__name__)
            if short is not None:
                raise short from None
            raise
        log.end("finished", test_mrr=metrics["mrr"])
        return metrics


def _follow(
    prepared: Prepared, settings: Config, folder: Path, state: TrainingState, start_from: Start | None
) -> dict[str, Any]:
    """Train beside the first worker, which alone writes, prints and decides."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the first worker handles it and tells the others when to stop
    prepared = dataclasses.replace(prepared, pinned=None)
    with team_of(prepared.device) as team:
        state.team, state.keeper = team, TeamKeeper(team, Keeper())
        with contextlib.suppress(Stopped):
            train(prepared, settings, folder, start_from=start_from, state=state)
    raise SystemExit(0)  # what there is to say, the first worker says


def _gone(folder: Path) -> UpganError | None:
    """Whatever a write said of it: the folder was deleted under the training."""
    try:
        check_folder(folder)
    except UpganError as error:
        return error
    return None


def _write_end(log: Any, state: str, message: str) -> None:
    """Write the end down where that is still possible; on a full disk or in a deleted folder it is not."""
    try:
        log.end(state, message)
    except (OSError, UpganError) as error:
        note(f"could not write down that the run {state} ({error})")
