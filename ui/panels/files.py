"""The answer as files to take away, and as a link."""

from __future__ import annotations

from ui.components import files, links
from ui.components.answered import Answered, Panel, case
from ui.session import state


def draw(answered: Answered) -> None:
    """What the files hold is what the page shows."""
    real = files.real_ids()
    files.of_case(lambda: case(answered, real_ids=real), answered.view.drawing, answered.explanation)
    links.copyable(state.address(), "ask")


PANEL = Panel("Files", 60, draw)
