"""Start the app with the model code already loading: `python -m ui.serve run streamlit_app.py ...`.

Importing torch takes seconds. Done beside the server's own start, it is over before the first page asks for an answer.
"""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path

from streamlit.web import cli

from ui.services.access import password_needed

GUARDED = Path(__file__).with_name("guarded.py")


def main() -> None:
    """Streamlit's own command line, in this process, while upgan.predict.predictor is imported in a thread."""
    # The module, not a model: which checkpoint is asked is for the page to say.
    threading.Thread(target=importlib.import_module, args=("upgan.predict.predictor",), daemon=True).start()
    sys.argv[0] = "streamlit"
    if password_needed():
        sys.argv = [str(GUARDED) if word.endswith("streamlit_app.py") else word for word in sys.argv]
    cli.main()


if __name__ == "__main__":
    main()
