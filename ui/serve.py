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
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from streamlit.web import cli

from ui.services.access import password_needed, signed_in

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

#: Followed by a session's id and the file's.
UPLOADS = "/_stcore/upload_file/"


class SignedInUploads:
    """ASGI middleware: a request for the upload address of a session that gave no password is answered by 403.

    Its body is not read.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _, upload, place = str(scope["path"]).partition(UPLOADS)
            if upload and scope["method"] != "OPTIONS" and not signed_in(place.partition("/")[0]):
                kind = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
                await send({"type": "http.response.start", "status": 403, "headers": kind})
                await send({"type": "http.response.body", "body": b"sign in first"})
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
