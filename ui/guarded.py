"""The app behind a password: Streamlit's own server, with uploads refused before anybody signed in.

Streamlit takes in files from whoever opened a connection, before a page's script has said anything; they would fill
its memory. `ui.serve` starts this file in place of streamlit_app.py where a password is set.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from ui.services.access import signed_in

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
            _, found, place = str(scope["path"]).partition(UPLOADS)
            if found and scope["method"] != "OPTIONS" and not signed_in(place.partition("/")[0]):
                kind = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
                await send({"type": "http.response.start", "status": 403, "headers": kind})
                await send({"type": "http.response.body", "body": b"sign in first"})
                return
        await self._app(scope, receive, send)


app = st.App(Path(__file__).resolve().parents[1] / "streamlit_app.py", middleware=[Middleware(SignedInUploads)])
