"""Train: data, preset and settings, what it will cost, the equal command, and the start."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ui.components import dataset, links, live_chart, pinned_form, say, settings_form
from ui.components.controls import Choices
from ui.components.text import plain
from ui.services import estimates, following, pinning, trainings
from ui.services import settings as wanted
from ui.services.access import training_allowed
from ui.services.datasets import DatasetEntry
from ui.services.questions import Question
from ui.services.runs import checkpoint_root
from ui.services.view import one_of
from ui.session import cache, state
from ui.session.registry import Page
from upgan import machine
from upgan.config.settings import Config, make_config
from upgan.config.sized import told
from upgan.config.systems import MODEL_NAMES, MODELS
from upgan.data.dataset import KGDataset
from upgan.errors import BusyError, ConfigError, UpganError

PAGE = Page("Train", ":material/model_training:", 30, trains=True)
DEVICES = {"auto": "GPU, else CPU", "cpu": "CPU", "cuda": "GPU"}
_ANYWAY = "upgan_train_anyway"


def choose_data(choices: Choices) -> tuple[DatasetEntry, KGDataset]:
    """The dataset to train on; ends the page where there is none that can be read."""
    entry = dataset.choose(choices)
    if entry is None:
        say.notices(state.unread("dataset"))
        dataset.none_at_all("There is no dataset to train on yet.")
        st.stop()
    data = say.attempt(lambda: cache.dataset(str(entry.path), entry.fingerprint))
    if data is None:
        st.stop()
    st.caption(
        f"{data.num_entities:,} entities · {data.num_relations:,} relations · {data.num_users:,} users · "
        f"{len(data.train):,} training facts"
    )
    return entry, data


def choose_form(choices: Choices) -> tuple[str, dict[str, Any]]:
    """The preset, and the values asked for beside it."""
    preset = choices.one("Preset", one_of("preset", list(wanted.PURPOSES)))
    st.caption(wanted.PURPOSES[preset])
    columns = st.columns(3)
    with columns[0]:
        model = choices.one("Model", one_of("model", MODELS, MODEL_NAMES))
    with columns[1]:
        device = choices.one("Device", one_of("device", list(DEVICES), DEVICES))
    with columns[2]:
        seed = st.number_input(
            "Seed", 0, 2**31 - 1, 0, key="upgan_train_seed", persist_state="session",
            help="Of every random draw: the same seed, data and settings give the same model.",
        )  # fmt: skip
    return preset, {"model_name": model, "device": device, "seed": int(seed)}


def settle(preset: str, first: dict[str, Any], pinned: Question | None, data: KGDataset) -> Config | None:
    """All settings, from every form, as a configuration; None where something is wrong, which is said."""
    size = wanted.size_of(data, first["device"])
    usual = wanted.defaults(preset, first["model_name"], size)
    by_size = told(usual, size, preset)
    # Data of another size have other values: what was changed for the one is not carried to the other.
    base = f"{preset}_{first['model_name']}{'_sized' * bool(by_size)}"
    if by_size:
        st.caption(plain(by_size))
    values = settings_form.values(base, usual) | first
    config, problems = None, {}
    try:
        config = make_config(preset, overrides=values)
    except ConfigError as error:
        problems = wanted.problems(error)
    with st.expander("More settings", icon=":material/tune:", expanded=bool(problems)):
        settings_form.show(base, usual, problems)
    changed = wanted.changes(config, size) if config is not None else {}
    if changed or problems:
        with st.container(horizontal=True, vertical_alignment="center"):
            changes = ", ".join(f"{key} {old} → {new}" for key, (old, new) in changed.items())
            st.caption(f"Changed from the preset: {plain(changes)}" if changes else "Changed from the preset.")
            st.button("Back to the preset", key="upgan_train_reset", type="tertiary", icon=":material/undo:",
                      on_click=settings_form.reset, args=(base, first["model_name"]))  # fmt: skip
    for key, problem in problems.items():
        where = "" if not key else "More settings, "
        say.error(where + problem)
    if config is None or pinned is None:
        return config
    try:
        named = pinning.by_ids(data, pinned)
    except UpganError as error:
        say.error(f"The question to follow: {error}")
        return None
    return make_config(preset, overrides=values | pinning.settings(named))


def estimate(entry: DatasetEntry, config: Config) -> None:
    """What it will cost: asked for by a button, found out beside the page."""
    key = estimates.key(entry.fingerprint, config)
    known = cache.rehearsal(key)
    if st.button(
        "Estimate time, memory and disk" if known is None else "Estimate again",
        key="upgan_estimate",
        icon=":material/timer:",
        help="Runs a few steps of every phase on this machine and measures them; takes some seconds.",
    ):
        cache.rehearse(key, entry.path, config)
        known = cache.rehearsal(key)
    if known is not None:
        busy = known.running
        st.fragment(show_estimate, run_every=1.0 if busy else None)(key, busy)


def show_estimate(key: str, was_running: bool) -> None:
    """The estimate, or how long it has been at work; a fragment that ends its own refreshing."""
    known = cache.rehearsal(key)
    if known is None:
        return
    cost = say.attempt(known.result)
    if cost is None:
        if known.running:
            st.info(f"Measuring, {known.seconds:.0f} s so far …", icon=":material/hourglass_top:")
        return
    if was_running:
        st.rerun()  # without the timer
    duration, size, (least, most) = trainings.duration, trainings.size, cost["seconds"]
    with st.container(horizontal=True):
        st.metric("time", f"≈ {duration(cost['likely_seconds'])}",
                  help=f"{duration(least)} if every phase stops as early as it may, {duration(most)} if every phase "
                  "uses all its epochs.")  # fmt: skip
        st.metric("memory", f"≈ {size(cost['memory_mb'])}", help="Computed from the sizes of tables and weights; ±30%.")
        st.metric("disk", f"≈ {size(cost['disk_mb'])}", help="While it trains; a finished run keeps less.")
    phases = "; ".join(f"{following.phase_words(name)} {duration(phase['least'])} – {duration(phase['most'])}, "
                       f"{size(phase['memory_mb'])}" for name, phase in cost["phases"].items())  # fmt: skip
    st.caption(
        f"{plain(phases.capitalize())}. Extrapolated from a few steps on this machine as busy as it was just now; how "
        "many epochs each phase needs is not known beforehand, hence the range."
    )
    short = []
    if cost["memory_mb"] > (free := machine.memory().available * 1e3):
        short.append(f"only {size(free)} of memory are free")
    if cost["disk_mb"] > (room := trainings.free_space(checkpoint_root())):
        short.append(f"only {size(room)} of disk are free")
    if short:
        st.warning(f"It may not fit: {' and '.join(short)}.", icon=":material/warning:")


def name_of_run(data: KGDataset, config: Config) -> str:
    """What the new run shall be called."""
    usual = trainings.usual_name(data.name, config)
    typed = st.text_input("Name of the run", key="upgan_train_name", placeholder=usual, persist_state="session",
                          help="The name of its folder; empty: the one shown.")  # fmt: skip
    return (typed or "").strip() or usual


def begin(name: str, data: KGDataset, config: Config, *, force: bool) -> str:
    """Start, and go where it is followed. Nothing was started otherwise: returns which training is in the way, or says
    what else is."""
    try:
        with st.spinner("Starting its process …"):
            trainings.start(name, data, config, force=force)
    except BusyError as error:
        return str(error)
    except UpganError as error:
        say.error(error)
        return ""
    st.switch_page(links.script("runs"), query_params={"run": name})


def start(entry: DatasetEntry, data: KGDataset, config: Config) -> None:
    """Name, command, and the button."""
    name = name_of_run(data, config)
    folder = say.attempt(lambda: trainings.new_folder(name))
    if folder is not None:
        st.caption("The same from a terminal:")
        command = wanted.command_line(
            entry.path.resolve(), folder.resolve(), config, wanted.size_of(data, config.device)
        )
        st.code(command, language=None, wrap_lines=True)
    busy = ""
    if st.button("Start training", key="upgan_train_start", type="primary", icon=":material/play_arrow:",
                 disabled=folder is None):  # fmt: skip
        busy = begin(name, data, config, force=False)
    if busy:
        st.warning(say.sentence(busy), icon=":material/lock:")
        st.button("Start anyway", key="upgan_train_force", icon=":material/warning:",
                  help="Both trainings will be slower, and may not fit into memory together.",
                  on_click=lambda: st.session_state.update({_ANYWAY: True}))  # fmt: skip
    if st.session_state.pop(_ANYWAY, False):
        begin(name, data, config, force=True)


def main() -> None:
    """The page."""
    st.header("Train", anchor=False)
    if not training_allowed():
        st.info("This app is read-only: runs cannot be started here.", icon=":material/lock:")
        return
    choices = Choices()
    left, right = st.columns([3, 2], gap="large")
    with left:
        entry, data = choose_data(choices)
        preset, first = choose_form(choices)
        pinned = pinned_form.ask(data)
        config = settle(preset, first, pinned, data)
    with right:
        st.subheader("Before it starts", anchor=False)
        if config is None:
            st.info("Correct what is marked as wrong first; then the training can be started.", icon=":material/info:")
        else:
            estimate(entry, config)
            start(entry, data, config)
    live_chart.library()  # it is there before the first point is
    state.write_address(choices.named)


if __name__ == "__main__":
    main()
