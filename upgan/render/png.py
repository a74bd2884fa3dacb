"""The figure as a PNG, drawn from the SVG by resvg: no browser and no system library is needed."""

from __future__ import annotations

import functools

from upgan.errors import UpganError
from upgan.render.styles import FONT

#: Pixels per unit of the figure: letters stay crisp in print and on dense screens.
SCALE = 2.0

#: What stands in for the generic sans-serif, the likeliest first. resvg draws no letter at all where the family it
#: was told is not installed, so the first that is installed has to be found.
_FAMILIES = (
    *(name.strip() for name in FONT.split(",")[:-1]),
    "Liberation Sans", "DejaVu Sans", "Noto Sans", "Segoe UI", "Roboto", "Ubuntu", "Cantarell", "FreeSans", "Verdana",
    "Tahoma", "Helvetica Neue", "Open Sans", "Nimbus Sans", "Droid Sans",
)  # fmt: skip


def png(svg: str, *, scale: float = SCALE) -> bytes:
    """An SVG document as PNG bytes, ``scale`` pixels per unit.

    Raises UpganError on a machine without any font, where every label would silently be missing.
    """
    from resvg_py import svg_to_bytes

    family = _sans_serif()
    if family is None:
        raise UpganError(
            "no font for the labels of a PNG was found on this machine; install one (for example fonts-dejavu-core), "
            "or take the SVG, which brings its letters as text"
        )
    return bytes(svg_to_bytes(svg_string=svg, zoom=scale, sans_serif_family=family))


@functools.cache
def _sans_serif() -> str | None:
    """The first of the families that this machine can draw with."""
    nothing = _sample("")
    return next((family for family in _FAMILIES if _sample(family) != nothing), None)


def _sample(family: str) -> bytes:
    from resvg_py import svg_to_bytes

    text = f"<text y='20' font-family='{family}'>Ag</text>" if family else ""
    return bytes(
        svg_to_bytes(svg_string=f"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='30'>{text}</svg>")
    )
