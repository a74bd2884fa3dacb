"""The curves of `upgan bench --growth --out growth.json` as a picture.

python scripts/growth_plot.py growth.json docs/images/growth.png

Drawn by plotly in a headless browser, like the page of `--page`.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from screenshots import reduced

from measuring import HEADLESS, browser_path, options
from upgan.bench.growth_page import figure
from upgan.files import write_bytes


def picture(found: dict[str, object]) -> bytes:
    """The figure as PNG."""
    from playwright.sync_api import sync_playwright

    drawn = figure(found)
    page_text = drawn.to_html(include_plotlyjs=True, div_id="growth")
    size = {"format": "png", "width": drawn.layout.width, "height": drawn.layout.height}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path(), args=HEADLESS)
        page = browser.new_page()
        page.set_content(page_text)
        link = page.evaluate("size => Plotly.toImage('growth', size)", size)
        browser.close()
    return reduced(base64.b64decode(link.partition(",")[2]))


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("measured", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    write_bytes(given.out, picture(json.loads(given.measured.read_text())))


if __name__ == "__main__":
    main()
