"""The password in front of the app: without it no page's script is run."""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ui.components.say import problems_said
from ui.services.access import ATTEMPTS, SESSIONS, password_needed, ticket, valid_ticket

_TICKET = "upgan_ticket"


def admitted() -> bool:
    """Whether this app has no password, or the session gave it."""
    if not password_needed():
        return True
    if not valid_ticket(st.session_state.get(_TICKET)):
        return False
    context = get_script_run_ctx()
    if context is not None:
        SESSIONS.add(context.session_id)
    return True


def ask() -> None:
    """The form that asks for the password, and what came of it."""
    st.header("UPGAN explorer", anchor=False)
    with st.form("upgan_gate", width=420):
        password = st.text_input("Password", type="password", autocomplete="current-password", max_chars=1000)
        sent = st.form_submit_button("Open", icon=":material/lock_open:")
    if not sent:
        return
    with problems_said():
        if ATTEMPTS.admit(password, st.context.ip_address or ""):
            st.session_state[_TICKET] = ticket()
            st.rerun()
        st.error("That is not the password.", icon=":material/error:")
