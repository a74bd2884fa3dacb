"""Start the app with the model code already loading: `python -m ui.serve run streamlit_app.py ...`.

Importing torch takes seconds. Done beside the server's own start, it is over before the first page asks for an answer.
"""

from __future__ import annotations

import importlib
import sys
import threading

from streamlit.web import cli


def main() -> None:
    """Streamlit's own command line, in this process, while upgan.predictor is imported in a thread."""
    # The module, not a model: which checkpoint is asked is for the page to say.
    threading.Thread(target=importlib.import_module, args=("upgan.predictor",), daemon=True).start()
    sys.argv[0] = "streamlit"
    cli.main()


if __name__ == "__main__":
    main()
