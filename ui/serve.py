"""Start the app with the model code already loading: `python -m ui.serve run ui/app.py ...`.

Importing torch takes seconds. Done beside the server's own start, it is over before the first page asks for an answer.

Where a password is set, this file itself is what Streamlit serves: ``app``, the same pages behind a server that refuses
uploads before anybody signed in. Streamlit takes in files from whoever opened a connection, before a page's script has
said anything; they would fill its memory.
"""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web import cli

from ui.services.access import password_needed, signed_in

#: Followed by a session's id and the file's.
UPLOADS = "/_stcore/upload_file/"


class SignedInUploads:
    """ASGI middleware: a request for the upload address of a session that gave no password is answered by 403.

    Its body is not read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _, upload, place = str(scope["path"]).partition(UPLOADS)
            if upload and scope["method"] != "OPTIONS" and not signed_in(place.partition("/")[0]):
                await PlainTextResponse("sign in first", 403, {"connection": "close"})(scope, receive, send)
                return
        await self._app(scope, receive, send)


def main() -> None:
    """Streamlit's own command line, in this process, while upgan.predict.predictor is imported in a thread."""
    # The module, not a model: which checkpoint is asked is for the page to say.
    threading.Thread(target=importlib.import_module, args=("upgan.predict.predictor",), daemon=True).start()
    sys.argv[0] = "streamlit"
    if password_needed():
        sys.argv = [__file__ if word.endswith("app.py") else word for word in sys.argv]
    cli.main()


if __name__ == "__main__":
    main()
else:
    # Streamlit finds it by this very form of assignment.
    app = st.App(Path(__file__).with_name("app.py"), middleware=[Middleware(SignedInUploads)])
