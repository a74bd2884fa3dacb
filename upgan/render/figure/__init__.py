"""An explanation as a figure: what is drawn, where, in which style, as SVG, PNG and HTML."""
