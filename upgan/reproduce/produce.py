"""A table or figure from its plan to its files: runs found or trained, measured, written."""

from __future__ import annotations

from pathlib import Path

from upgan.files import write_json, write_text
from upgan.reproduce.document import Document
from upgan.reproduce.execute import Executor
from upgan.reproduce.figures import figure_html
from upgan.reproduce.measure import measure
from upgan.reproduce.plan import Effort, Request, plan
from upgan.reproduce.search import Search, best_settings
from upgan.reproduce.tables import markdown, to_csv


def produce(
    request: Request, executor: Executor, out: Path, command: str, effort: Effort | None = None
) -> tuple[Document, str]:
    """Do what is asked for and write it to ``out``; returns the document and the page.

    With an ``effort`` the settings are searched first; what is found is kept in TARGET-settings.json, and the searches
    themselves in ``out``/search, from where another target with the same effort takes them.
    """
    if effort is None:
        searched, outcomes = None, executor.run(plan(request))
    else:
        search = Search(request, executor, out / "search", effort)
        searched = search.run()
        write_json(out / f"{request.target}-settings.json", searched)
        # The best trial of the same time and seed need not be trained again.
        outcomes = executor.run(plan(request, best_settings(searched)), also=search.executor.root)
    measured = measure(outcomes, executor.dataset, request, out, executor.tell)
    document: Document = {**measured, "search": searched, "command": command}
    return document, write_files(document, out)


def write_files(document: Document, out: Path) -> str:
    """TARGET.md, .csv, .html and, last, .json, each whole; returns the page."""
    page, name = markdown(document), document["target"]
    write_text(out / f"{name}.md", page)
    write_text(out / f"{name}.csv", to_csv(document))
    write_text(out / f"{name}.html", figure_html(document))
    write_json(out / f"{name}.json", document)
    return page
