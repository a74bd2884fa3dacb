"""The figure as a PNG, drawn from the SVG by resvg: no browser, no system library and no installed font is needed."""

from __future__ import annotations

from pathlib import Path

#: Pixels per unit of the figure: letters stay crisp in print and on dense screens.
SCALE = 2.0

#: Our own letters first, so that a figure looks the same on every machine; scripts they lack (Chinese, Thai, …) are
#: taken from the fonts of the machine, and stay blank where it has none.
_FAMILY = "UPGAN Figure"
_FILES = tuple(Path(__file__).parent / "fonts" / name for name in ("figure.ttf", "figure-bold.ttf"))


def png(svg: str, *, scale: float = SCALE) -> bytes:
    """An SVG document as PNG bytes, ``scale`` pixels per unit."""
    from resvg_py import svg_to_bytes

    return bytes(
        svg_to_bytes(
            svg_string=svg,
            zoom=scale,
            style_sheet=f"svg {{ font-family: '{_FAMILY}' }}",
            font_files=[str(path) for path in _FILES],
        )
    )
