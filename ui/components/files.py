"""The explanation as files to take away; each is made only when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping

import streamlit as st

from ui.services import exports
from upgan.explanation import Explanation
from upgan.render.figure import figure
from upgan.render.page import page
from upgan.render.svg import svg


def downloads(explanation: Explanation, labels: Mapping[str, str]) -> None:
    """The case study as files; each is made only when it is asked for."""
    users_csv = ["user", "of", "weight", "contribution", "paths"]
    paths_csv = ["of", "user", "path", "kind", "factors", "weight"]

    def path_table() -> str:
        rows = [{**row, "of": "path"} for row in exports.path_rows(explanation, labels)]
        rows += [{**row, "of": "evidence"} for row in exports.evidence_rows(explanation, labels)]
        return exports.to_csv(rows, paths_csv)

    def document() -> str:
        return json.dumps(explanation.to_dict(), ensure_ascii=False, indent=2)

    files = (
        ("Page", "upgan-case.html", "text/html", lambda: page(explanation, relation_labels=labels)),
        ("Figure", "upgan-case.svg", "image/svg+xml", lambda: svg(figure(explanation, relation_labels=labels))),
        ("Users", "upgan-users.csv", "text/csv", lambda: exports.to_csv(exports.user_rows(explanation), users_csv)),
        ("Paths", "upgan-paths.csv", "text/csv", path_table),
        ("Numbers", "upgan-case.json", "application/json", document),
    )
    with st.container(horizontal=True):
        for label, name, mime, make in files:
            st.download_button(
                f"{label} ({name.rsplit('.', 1)[1].upper()})",
                make,
                file_name=name,
                mime=mime,
                key=f"upgan_download_{name}",
                icon=":material/download:",
                on_click="ignore",
            )
