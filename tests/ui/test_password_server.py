"""The app behind a password, as `upgan app` serves it: what its server takes in before and after signing in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.ui.chromium import serving
from tests.ui.made import make_run

pytestmark = pytest.mark.browser
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
    folders = {"UPGAN_CHECKPOINTS": tmp_path / "runs", "UPGAN_DATA": tmp_path / "data"}
    with serving(tmp_path / "app.log", "ui.serve", UPGAN_PASSWORD="open", **folders) as address:
        yield address


def test_files_are_taken_in_only_from_who_signed_in(browser, server):
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
    page.close()
