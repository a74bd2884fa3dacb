"""Pictures of the app for README and pages, and a short journey: python scripts/screenshots.py [--out docs/images]

Each is drawn by a real browser from the app as it is, and reduced to a palette to stay below 200 KB. The journey
(journey.webp, at most 2 MB) goes from the first page to an answer, its reasons and a reviewed list of missing facts.
"""

from __future__ import annotations

import io
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from PIL import Image

from measuring import HEADLESS, ROOT, app, browser_path, options, upgan

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LARGEST = 200_000
LARGEST_JOURNEY = 2_000_000
GRAPH, START, FIGURE = "iframe", "text=What is here", "[data-testid=stImage] img"


@dataclass(frozen=True)
class Shot:
    """A file's name, where to look, and at what size."""

    name: str
    at: str
    link: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (1280, 960)
    scheme: str = "light"
    #: What must be there before the picture is taken.
    waits_for: str = GRAPH
    #: How far down the page it is looked at.
    below: int = 0


BARGAIN = {
    "checkpoint": "demo", "entity": "book:part-of-the-bargain", "relation": "author", "direction": "tail",
    "answer": "author:linda-lael-miller",
}  # fmt: skip
SHOTS = (
    Shot("app.png", "ask", BARGAIN),
    Shot("app-start.png", "", size=(1280, 720), waits_for=START),
    Shot("app-models.png", "models", {"by": "sparsity"}, scheme="dark", waits_for=".js-plotly-plot .bars"),
    Shot("app-phone.png", "ask", BARGAIN, size=(390, 1900)),
    Shot("app-review.png", "review", size=(1280, 960)),
)
#: The stations of the journey, in order.
JOURNEY = (
    Shot("", "", waits_for=START),
    Shot("", "ask", BARGAIN),
    Shot("", "ask", BARGAIN | {"tab": "walks"}, below=900),
    Shot("", "case", BARGAIN, waits_for=FIGURE),
    Shot("", "review"),
)
#: Milliseconds that each is shown.
SHOWN = 2_400


def main() -> None:
    """Start the app, take every picture, say how large each is."""
    from playwright.sync_api import sync_playwright

    parser = options(__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images")
    parser.add_argument("--checkpoints", type=Path, default=ROOT / "checkpoints")
    parser.add_argument("--only", choices=["journey"])
    given = parser.parse_args()
    path = browser_path()
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        os.environ["UPGAN_DATA"] = data
        upgan("review", "make", given.checkpoints / "demo", "--to", Path(data) / "reviews.sqlite", "--top", 100)
        with app(given.checkpoints) as (_, address), sync_playwright() as engine:
            browser = engine.chromium.launch(executable_path=path, args=HEADLESS)
            for shot in SHOTS if given.only != "journey" else ():
                save(given.out / shot.name, reduced(take(browser, address, shot)))
            save(given.out / "journey.webp", animated([take(browser, address, shot) for shot in JOURNEY]))
            browser.close()


def save(path: Path, content: bytes) -> None:
    """Write a picture and say how large it is."""
    path.write_bytes(content)
    print(f"{path}: {len(content) / 1000:.0f} KB", flush=True)


def take(browser: Browser, address: str, shot: Shot) -> bytes:
    """One picture, once what it shows is drawn."""
    width, height = shot.size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if shot.scheme == "dark" else "light"
    )
    page = context.new_page()
    page.set_default_timeout(240_000)
    page.goto(f"{address}/{shot.at}?{urlencode(shot.link)}" if shot.link else f"{address}/{shot.at}")
    page.locator(shot.waits_for).first.wait_for()
    if shot.waits_for == GRAPH:
        page.frame_locator("iframe").locator("html[data-drawn]").wait_for(state="attached")
    if shot.below:
        page.mouse.move(width / 2, height / 2)
        page.mouse.wheel(0, shot.below)
    page.wait_for_timeout(2_500)  # fonts and tables settle
    content = page.screenshot()
    context.close()
    return content


def animated(pictures: list[bytes]) -> bytes:
    """The pictures one after another as an animated WebP, as good as the limit allows."""
    frames = [Image.open(io.BytesIO(each)).convert("RGB").resize((1024, 768)) for each in pictures]
    for quality in (80, 60, 40):
        out = io.BytesIO()
        frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=SHOWN, loop=0, quality=quality)
        if out.tell() <= LARGEST_JOURNEY:
            break
    return out.getvalue()


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
