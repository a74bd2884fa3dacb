"""Colours, shapes and dashes of the case-study figure, shared by the interactive graph and the SVG.

The paper's roles (Fig. 4: target green, answer red, entity blue, user yellow) in the Okabe-Ito form that colour-blind
readers can tell apart. Colour is never the only sign: every role has its own shape, every edge style
its own dashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from upgan.explain.explanation import Explanation
from upgan.render.words import user_noun

FigureRole = Literal["target", "answer", "entity", "user", "more"]
EdgeKind = Literal["path", "walk", "evidence", "fact", "interaction", "prediction"]
Theme = Literal["light", "dark"]

#: Okabe and Ito's colours, which most colour-blind people tell apart: for curves and bars.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: Half the height of a node's shape, and the letter sizes, in figure units (pixels at zoom 1).
NODE_SIZE = 14
FONT_SIZE = 12
LINE_HEIGHT = 14
EDGE_FONT_SIZE = 11
FONT = "Arial, Helvetica, sans-serif"


@dataclass(frozen=True)
class NodeStyle:
    """Shape (a vis-network name), fill and outline of one role."""

    shape: str
    fill: str
    border: dict[Theme, str]


@dataclass(frozen=True)
class EdgeStyle:
    """Line colour on each theme and the dash pattern (empty: solid)."""

    color: dict[Theme, str]
    dashes: tuple[int, ...]


@dataclass(frozen=True)
class Palette:
    """Surface, text and the outline that keeps text readable where it crosses a line."""

    surface: str
    text: str
    faint: str
    rule: str


PALETTES: dict[Theme, Palette] = {
    "light": Palette(surface="#ffffff", text="#1f2328", faint="#57606a", rule="#d0d7de"),
    "dark": Palette(surface="#0e1117", text="#f0f3f6", faint="#9ea7b3", rule="#3d444d"),
}

NODE_STYLES: dict[FigureRole, NodeStyle] = {
    "target": NodeStyle("square", "#009E73", {"light": "#00533d", "dark": "#a6f0db"}),
    "answer": NodeStyle("diamond", "#D55E00", {"light": "#7a3600", "dark": "#ffd3b0"}),
    "entity": NodeStyle("dot", "#0072B2", {"light": "#003b5c", "dark": "#a9dcff"}),
    # Yellow alone has a contrast of 1.3 on white: the dark outline carries it.
    "user": NodeStyle("triangle", "#F0E442", {"light": "#5c5600", "dark": "#fffbd1"}),
    "more": NodeStyle("dot", "#c7ccd1", {"light": "#6e7781", "dark": "#9ea7b3"}),
}

EDGE_STYLES: dict[EdgeKind, EdgeStyle] = {
    "path": EdgeStyle({"light": "#1f2328", "dark": "#f0f3f6"}, ()),
    "walk": EdgeStyle({"light": "#00664b", "dark": "#5fd3b3"}, (10, 3)),
    "evidence": EdgeStyle({"light": "#9c3d77", "dark": "#e69bc8"}, (12, 4, 2, 4)),
    "fact": EdgeStyle({"light": "#0072B2", "dark": "#56B4E9"}, (6, 5)),
    "interaction": EdgeStyle({"light": "#8c959f", "dark": "#7d8590"}, (3, 4)),
    "prediction": EdgeStyle({"light": "#D55E00", "dark": "#ff9d57"}, (2, 5)),
}


#: What a reader without the paper may want to know about a line style.
EDGE_HELP: dict[EdgeKind, str] = {
    "path": "α is the share of what a node knows from users that comes this way; all arrows into a node sum to 1, "
    "and along a path they multiply to its weight.",
    "walk": "A path from target to answer that the score counts; its number is what the drawn paths that pass here "
    "add to the score.",
    "evidence": "How the model gathers what a user stands for: each arrow is one part of all that its end collects.",
    "fact": "A fact of the training data between two nodes shown here; it has no number in this prediction.",
    "interaction": "The user interacted with this too; it has no number in this prediction.",
    "prediction": "The fact that is asked about. The score orders candidates; it is not a probability.",
}


def role_words(explanation: Explanation) -> dict[FigureRole, str]:
    """What each node shape stands for, in the words of the legend."""
    return {
        "target": "target (what is asked about)",
        "answer": "answer (the candidate explained)",
        "entity": "entity of the knowledge graph",
        "user": f"{user_noun(explanation.simulated_users, 1)}, w = weight",
        "more": "several together",
    }


def edge_words(explanation: Explanation, *, of_answer: bool = False) -> dict[EdgeKind, str]:
    """What each line style stands for, in the words of the legend; ``of_answer``: the users drawn are the answer's."""
    noun = user_noun(explanation.simulated_users, 1)
    near, far = ("answer", "target") if of_answer else ("target", "answer")
    return {
        "path": f"attention α from {noun} to {near}",
        "walk": "path that adds to the score",
        "evidence": f"how the {far} reached the {noun}",
        "fact": "known fact",
        "interaction": f"{noun} also interacted",
        "prediction": "predicted",
    }
