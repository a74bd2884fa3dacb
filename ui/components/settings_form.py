"""Every setting of a training, asked for by a form that is made from upgan.config.settings."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import streamlit as st

from ui.components.text import plain
from ui.services.settings import ASKED_FIRST, Setting, number, section_title, settings

#: The pinned query has a form of its own.
_ELSEWHERE = (*ASKED_FIRST, "pinned.relation", "pinned.head", "pinned.tail", "pinned.answer", "pinned.top")


def values(base: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Key -> what the form says now. ``base`` names preset and model: each pair keeps its own changes."""
    return {
        setting.key: st.session_state.get(_key(base, setting), defaults[setting.key])
        for setting in settings(defaults["model_name"])
        if setting.key not in _ELSEWHERE
    }


def reset(base: str, model: str) -> None:
    """Back to the preset's values."""
    for setting in settings(model):
        st.session_state.pop(_key(base, setting), None)


def show(base: str, defaults: Mapping[str, Any], problems: Mapping[str, str]) -> None:
    """The model's settings, section by section, each with meaning, bounds, default, and what is wrong with it."""
    asked = [setting for setting in settings(defaults["model_name"]) if setting.key not in _ELSEWHERE]
    by_section = {section: list(members) for section, members in groupby(asked, lambda setting: setting.section)}
    tabs = st.tabs([section_title(section) for section in by_section])
    for tab, (section, members) in zip(tabs, by_section.items(), strict=True):
        with tab:
            st.caption(f"In a settings file: `[{section}]`" if section else "In a settings file: at its top")
            for row in range(0, len(members), 3):
                for column, setting in zip(st.columns(3, gap="medium"), members[row : row + 3], strict=False):
                    with column:
                        _ask(base, setting, defaults[setting.key])
                        _explain(setting, defaults[setting.key])
                        if setting.key in problems:
                            st.error(plain(problems[setting.key]), icon=":material/error:")


def _ask(base: str, setting: Setting, default: Any) -> None:
    key = _key(base, setting)
    st.session_state.setdefault(key, list(default) if setting.several else default)
    if setting.several:
        st.multiselect(setting.name, list(setting.options), key=key, persist_state="session")
    elif setting.options:
        st.selectbox(setting.name, list(setting.options), key=key, persist_state="session")
    elif setting.kind is bool:
        st.toggle(setting.name, key=key, persist_state="session")
    elif setting.kind is str:
        st.text_input(setting.name, key=key, persist_state="session")
    else:
        of = int if setting.kind is int else float
        limits = {name: of(limit) for name, limit in setting.limits.items()}
        least, most = limits.get("ge", limits.get("gt")), limits.get("le", limits.get("lt"))
        step, form = (1, None) if of is int else (_step(default), "%g")
        st.number_input(setting.name, least, most, step=step, format=form, key=key, persist_state="session")


def _explain(setting: Setting, default: Any) -> None:
    """Meaning, bounds and default in small letters."""
    switch = "on" if default is True else "off" if default is False else default
    if setting.several:
        switch = ", ".join(default) or "none"
    usual = number(default) if isinstance(default, int | float) and not isinstance(default, bool) else str(switch)
    bounds = f" {setting.bounds.capitalize()}." if setting.bounds else ""
    st.caption(plain(f"{setting.meaning.rstrip('.')}.{bounds} Preset: {usual}."))


def _step(default: float) -> float:
    """What a click on plus or minus changes: a tenth of the usual value, in round numbers."""
    return float(f"{abs(default) / 10:.0e}") if default else 0.01


def _key(base: str, setting: Setting) -> str:
    return f"upgan_setting_{base}_{setting.key}"
