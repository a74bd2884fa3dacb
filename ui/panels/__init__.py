"""What is shown below an answer's graph: one panel a file, which it names PANEL. Adding a file adds the panel."""

from __future__ import annotations

from typing import Any

from ui.components.answered import Panel
from ui.services.view import OWN, Choice, Parameter
from ui.session.registry import discovered

#: Name -> panel, in their order.
PANELS = discovered("ui.panels", Panel)
#: The panel that is open.
TAB = Choice("tab", next(iter(PANELS)), words={name: panel.title for name, panel in PANELS.items()})
#: All that the address of a view may name beside the question.
PARAMETERS: tuple[Parameter[Any], ...] = (
    *OWN,
    *(parameter for panel in PANELS.values() for parameter in panel.parameters),
    TAB,
)
