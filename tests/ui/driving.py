"""The app as Streamlit's AppTest drives it: pages, links, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

APP = Path(__file__).resolve().parents[2] / "streamlit_app.py"
#: The question page's widgets by their keys.
QUESTION = "upgan_widget_question"
SEARCH = "upgan_widget_search"


def run_page(page: str, **link: str | list[str]) -> AppTest:
    """A page ("start", "ask", "case", "models") opened at an address."""
    app = AppTest.from_file(str(APP), default_timeout=60)
    app.switch_page(f"ui/page/{page}.py")
    for name, value in link.items():
        app.query_params[name] = value
    return checked(app)


def checked(app: AppTest, widget: Any = None) -> AppTest:
    """Run the page (after ``widget`` was touched) and see that nothing broke."""
    (widget or app).run()
    assert not app.exception, [error.value for error in app.exception]
    return app


def said(app: AppTest) -> str:
    """All text that Streamlit would read as Markdown, without the escapes."""
    kinds = (app.markdown, app.caption, app.header, app.subheader, app.info, app.warning, app.error, app.success)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def address(app: AppTest) -> dict[str, str | list[str]]:
    """The address bar."""
    return dict(app.query_params)


def table(app: AppTest, number: int = 0) -> Any:
    """A table of the page as a frame."""
    return app.dataframe[number].value


def graphs(app: AppTest) -> list[Any]:
    """The figures of the page."""
    return [each for each in app.get("bidi_component") if each.proto.component_name == "upgan_graph"]


def matches(app: AppTest) -> list[Any]:
    """The search's buttons."""
    return [button for button in app.button if str(button.key).startswith("upgan_match_")]
