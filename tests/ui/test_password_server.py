"""The app behind a password, as `upgan app` serves it: what its server takes in before and after signing in."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.ui import test_browser as driving
from tests.ui.made import make_run

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = driving.pytestmark
SESSION = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
#: Sends a file the way Streamlit's own widget does, and says the status.
UPLOAD = """async session => {
    const token = /_streamlit_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "";
    const form = new FormData();
    form.append("file", new File(["a,b"], "a.csv"), "a.csv");
    const sent = await fetch(`/_stcore/upload_file/${session}/made-up`,
                             { method: "PUT", body: form, headers: { "X-Xsrftoken": token } });
    return sent.status;
}"""


@pytest.fixture
def server(tmp_path) -> Iterator[str]:
    """`upgan app`'s server with a password."""
    make_run(tmp_path / "runs" / "demo")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folders = {"UPGAN_CHECKPOINTS": str(tmp_path / "runs"), "UPGAN_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-m", "ui.serve", "run", "streamlit_app.py", "--server.headless=true",
               f"--server.port={port}", "--server.address=127.0.0.1", "--server.fileWatcherType=none"]  # fmt: skip
    with (tmp_path / "app.log").open("w") as log:
        environment = {**os.environ, **folders, "UPGAN_PASSWORD": "open"}
        process = subprocess.Popen(command, cwd=driving.ROOT, env=environment, stdout=log, stderr=log)
    try:
        driving._wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
    assert "Traceback" not in (tmp_path / "app.log").read_text()


def test_files_are_taken_in_only_from_who_signed_in(server):
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=driving.CHROMIUM, args=driving.ARGUMENTS)
        page = browser.new_page()
        told: list[bytes] = []

        def listen(opened) -> None:
            opened.on("framereceived", lambda frame: told.append(frame if isinstance(frame, bytes) else b""))

        page.on("websocket", listen)
        page.goto(f"{server}/models")
        page.get_by_label("Password", exact=True).wait_for()
        # The session's own id is among those that the server has sent, with ids of other things.
        ids = sorted({found.decode() for found in SESSION.findall(b"".join(told))})
        assert [page.evaluate(UPLOAD, each) for each in ids] == [403] * len(ids)
        page.get_by_label("Password", exact=True).fill("open")
        page.get_by_role("button", name="Open").click()
        page.get_by_role("heading", name="Models & data").wait_for()
        after = [page.evaluate(UPLOAD, each) for each in ids]
        assert sorted(after)[0] == 204, "the same request from the same session, signed in"
        assert after.count(204) == 1
        assert page.evaluate(UPLOAD, "11111111-1111-4111-8111-111111111111") == 403
        browser.close()
