"""The app: its looks, the password in front of it, and its pages. `upgan app` and streamlit_app.py run this."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.components import gate, keys, links
from ui.services.access import training_allowed
from ui.session.registry import Page, discovered

# As text, not as an icon's name: the browser would fetch the icon from the internet.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<path d="M7 16L25 7M7 16L25 25" stroke="#57606a" stroke-width="3"/>'
    '<rect x="1" y="10" width="12" height="12" fill="#009E73"/><circle cx="25" cy="7" r="6" fill="#0072B2"/>'
    '<path d="M25 18l7 7-7 7-7-7z" fill="#D55E00"/></svg>'
)


def main() -> None:
    """One run of the script: the page that the address names, or the form for the password."""
    st.set_page_config(page_title="UPGAN explorer", page_icon=ICON, layout="wide")
    st.html(Path(__file__).with_name("components") / "style.css")
    pages = discovered("ui.page", Page)
    first = min(pages, key=lambda name: pages[name].order)
    # Without the password the address stays, so that a link leads where it should once the password is given.
    admitted = gate.admitted()
    chosen = st.navigation(
        [
            st.Page(links.script(name), title=page.title, icon=page.icon, default=name == first)
            for name, page in pages.items()
            if training_allowed() or not page.trains
        ],
        position="top" if admitted else "hidden",
    )
    if admitted:
        st.set_page_config(page_title=f"{chosen.title} · UPGAN explorer")
        keys.help(chosen.title, next((page.keys for page in pages.values() if page.title == chosen.title), {}))
        chosen.run()
    else:
        gate.ask()


if __name__ == "__main__":
    main()
