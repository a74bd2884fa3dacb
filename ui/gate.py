"""The password in front of the app: without it no page's script is run."""

from __future__ import annotations

import streamlit as st

from ui.components.text import plain
from ui.services.access import ATTEMPTS, password_needed, ticket, valid_ticket
from upgan.errors import RunError

_TICKET = "upgan_ticket"


def admitted() -> bool:
    """Whether this app has no password, or the session gave it."""
    return not password_needed() or valid_ticket(st.session_state.get(_TICKET))


def ask() -> None:
    """The form that asks for the password, and what came of it."""
    st.header("UPGAN explorer", anchor=False)
    with st.form("upgan_gate", width=420):
        password = st.text_input("Password", type="password", autocomplete="current-password", max_chars=1000)
        sent = st.form_submit_button("Open", icon=":material/lock_open:")
    if not sent:
        return
    try:
        if ATTEMPTS.admit(password, st.context.ip_address or ""):
            st.session_state[_TICKET] = ticket()
            st.rerun()
        st.error("That is not the password.", icon=":material/error:")
    except RunError as error:
        st.error(plain(str(error)), icon=":material/error:")
