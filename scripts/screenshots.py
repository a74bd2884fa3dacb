"""Pictures of the app for the README and the manual: python scripts/screenshots.py [--out docs/images]

Each is drawn by a real browser from the app as it is, and reduced to a palette to stay below 200 KB.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from PIL import Image

from measuring import HEADLESS, ROOT, app, browser_path, options

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LARGEST = 200_000


@dataclass(frozen=True)
class Shot:
    """A file's name, where to look, and at what size."""

    name: str
    at: str
    link: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (1280, 960)
    scheme: str = "light"
    #: What must be there before the picture is taken.
    waits_for: str = "iframe"


BARGAIN = {
    "checkpoint": "demo", "entity": "book:part-of-the-bargain", "relation": "author", "direction": "tail",
    "answer": "author:linda-lael-miller",
}  # fmt: skip
SHOTS = (
    Shot("app.png", "ask", BARGAIN),
    Shot("app-start.png", "", size=(1280, 720), waits_for="[data-testid=stDataFrame] canvas"),
    Shot("app-models.png", "models", {"by": "sparsity"}, scheme="dark", waits_for=".js-plotly-plot .bars"),
    Shot("app-phone.png", "ask", BARGAIN, size=(390, 1900)),
)


def main() -> None:
    """Start the app, take every picture, say how large each is."""
    from playwright.sync_api import sync_playwright

    parser = options(__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images")
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "checkpoints")
    given = parser.parse_args()
    path = browser_path()
    given.out.mkdir(parents=True, exist_ok=True)
    with app(given.checkpoints) as (_, address), sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=path, args=HEADLESS)
        for shot in SHOTS:
            content = reduced(take(browser, address, shot))
            (given.out / shot.name).write_bytes(content)
            print(f"{given.out / shot.name}: {len(content) / 1000:.0f} KB")
        browser.close()


def take(browser: Browser, address: str, shot: Shot) -> bytes:
    """One picture, once what it shows is drawn."""
    width, height = shot.size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if shot.scheme == "dark" else "light"
    )
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(f"{address}/{shot.at}?{urlencode(shot.link)}" if shot.link else f"{address}/{shot.at}")
    page.locator(shot.waits_for).first.wait_for()
    if shot.waits_for == "iframe":
        page.frame_locator("iframe").locator("html[data-drawn]").wait_for(state="attached")
    page.wait_for_timeout(2_500)  # fonts and tables settle
    content = page.screenshot()
    context.close()
    return content


def reduced(content: bytes) -> bytes:
    """The picture with as many colours as fit the limit."""
    picture = Image.open(io.BytesIO(content)).convert("RGB")
    for colours in (256, 128, 64, 32):
        out = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= LARGEST:
            break
    return out.getvalue()


if __name__ == "__main__":
    main()
