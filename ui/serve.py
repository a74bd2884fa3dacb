"""Start the app with the model code already loading: `python -m ui.serve run ui/app.py ...`.

Importing torch takes seconds. Done beside the server's own start, it is over before the first page asks for an answer.

This file itself is what Streamlit serves: ``app``, the same pages behind a server that answers only to its own names
and its own pages, and takes in files only from who signed in. Streamlit does neither by itself, and asks a service on
the internet for its own address whenever it refuses a page from elsewhere: it never gets to.
"""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config
from streamlit.web import cli

from ui.services.access import signed_in
from ui.services.hosts import CLOSED, is_own, is_same_origin, names_of

#: Followed by a session's id and the file's.
UPLOADS = "/_stcore/upload_file/"


class OwnPages:
    """ASGI middleware: only requests for this app by its own names, from its own pages, are passed on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._allowed = names_of(str(config.get_option("server.address") or ""))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not is_own(host, self._allowed):
            why = "this app is not asked for by that name; `upgan app --host NAME` adds one"
            await _refuse(why, 403)(scope, receive, send)
        elif origin is not None and not is_same_origin(origin, host, self._allowed):
            await _refuse("a page from elsewhere may not ask this app", 403)(scope, receive, send)
        elif any(closed in str(scope["path"]) for closed in CLOSED):
            await _refuse("not here", 404)(scope, receive, send)
        else:
            if origin is not None:
                # Behind a proxy the two may differ; Streamlit would look for its own address on the internet.
                scope = {**scope, "headers": list(scope["headers"])}
                MutableHeaders(scope=scope)["origin"] = f"{origin.partition('://')[0]}://{host}"
            await self._app(scope, receive, send)


class SignedInUploads:
    """ASGI middleware: a request for the upload address of a session that gave no password is answered by 403.

    Streamlit takes in files from whoever opened a connection, before a page's script has said anything; they would fill
    its memory. The body of a refused request is not read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _, upload, place = str(scope["path"]).partition(UPLOADS)
            if upload and scope["method"] != "OPTIONS" and not signed_in(place.partition("/")[0]):
                await _refuse("sign in first", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _refuse(why: str, status: int) -> ASGIApp:
    """The answer to a request whose body nobody reads; a WebSocket is closed before it is open, which answers 403."""

    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": why})
        else:
            await PlainTextResponse(why, status, {"connection": "close"})(scope, receive, send)

    return refuse


#: In front of Streamlit's own.
MIDDLEWARE = (Middleware(OwnPages), Middleware(SignedInUploads))


def main() -> None:
    """Streamlit's own command line, in this process, while upgan.predict.predictor is imported in a thread."""
    # The module, not a model: which checkpoint is asked is for the page to say.
    threading.Thread(target=importlib.import_module, args=("upgan.predict.predictor",), daemon=True).start()
    sys.argv[0] = "streamlit"
    sys.argv = [__file__ if word.endswith(("app.py", "streamlit_app.py")) else word for word in sys.argv]
    cli.main()


if __name__ == "__main__":
    main()
else:
    # Streamlit finds it by this very form of assignment.
    app = st.App(Path(__file__).with_name("app.py"), middleware=MIDDLEWARE)
