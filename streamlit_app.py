"""The explorer's entry: `streamlit run streamlit_app.py` (or `upgan app`). Pages are scripts in ui/pages."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui import gate
from ui.services.access import training_allowed

# As text, not as an icon's name: the browser would fetch the icon from the internet.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<path d="M7 16L25 7M7 16L25 25" stroke="#57606a" stroke-width="3"/>'
    '<rect x="1" y="10" width="12" height="12" fill="#009E73"/><circle cx="25" cy="7" r="6" fill="#0072B2"/>'
    '<path d="M25 18l7 7-7 7-7-7z" fill="#D55E00"/></svg>'
)
st.set_page_config(page_title="UPGAN explorer", page_icon=ICON, layout="wide")
st.html(Path(__file__).parent / "ui" / "style.css")

pages = [
    st.Page("ui/pages/start.py", title="Start", icon=":material/home:", default=True),
    st.Page("ui/pages/ask.py", title="Ask & explain", icon=":material/hub:"),
    st.Page("ui/pages/case.py", title="Case study", icon=":material/article:"),
    st.Page("ui/pages/train.py", title="Train", icon=":material/model_training:"),
    st.Page("ui/pages/runs.py", title="Runs", icon=":material/monitoring:"),
    st.Page("ui/pages/models.py", title="Models & data", icon=":material/table:"),
    st.Page("ui/pages/leaderboard.py", title="Leaderboard", icon=":material/leaderboard:"),
]
if not training_allowed():
    pages = [page for page in pages if page.url_path != "train"]
# Without the password the address stays, so that a link leads where it should once the password is given.
admitted = gate.admitted()
page = st.navigation(pages, position="top" if admitted else "hidden")
if admitted:
    page.run()
else:
    gate.ask()
