"""What a browser draws of the figure, measured: boxes of its words, points on its lines, sizes of its letters."""

from __future__ import annotations

from typing import Any

#: Overlaps are those of more than a pixel; a label's own line runs below it, on purpose.
MEASURE = """() => {
    const drawing = document.querySelector(".form:not([hidden]) svg");
    const box = element => {
        const { left, top, right, bottom } = element.getBoundingClientRect();
        return { left, top, right, bottom };
    };
    const scale = drawing.getScreenCTM().a;
    const all = [...drawing.querySelectorAll("text")];
    const words = all.map(text => ({
        text: text.textContent, edge: text.closest("[data-edge]")?.dataset.edge ?? null, ...box(text) }));
    const small = all.filter(text => Number(text.getAttribute("font-size")) * scale < 10.99).map(t => t.textContent);
    const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
    const covered = [];
    words.forEach((a, i) => words.slice(i + 1).forEach(b => { if (overlap(a, b)) covered.push([a.text, b.text]); }));
    const crossed = [];
    for (const path of drawing.querySelectorAll("path.edge")) {
        const matrix = path.getScreenCTM(), length = path.getTotalLength();
        for (let at = 0; at <= length; at += 3) {
            const { x, y } = path.getPointAtLength(at).matrixTransform(matrix);
            for (const word of words) {
                if (word.edge !== path.dataset.edge && x > word.left + 1 && x < word.right - 1
                    && y > word.top + 2 && y < word.bottom - 2) crossed.push([word.text, path.dataset.edge]);
            }
        }
    }
    const whole = box(drawing);
    const outside = words.filter(word => word.left < whole.left - 1 || word.right > whole.right + 1
        || word.top < whole.top - 1 || word.bottom > whole.bottom + 1).map(word => word.text);
    return { covered, crossed: [...new Set(crossed.map(pair => pair.join(" x ")))], outside, small,
             frame: window.innerWidth, wide: whole.right - whole.left, scrolls: document.documentElement.scrollWidth };
}"""


def measured(frame: Any) -> Any:
    """What the drawn figure of a frame looks like."""
    return frame.locator("body").evaluate(MEASURE)


def assert_readable(seen: Any, told: str = "") -> None:
    """No word covers another or a line, none is outside or smaller than 11 pixels, and the frame is used."""
    faults = {name: seen[name] for name in ("covered", "crossed", "outside", "small") if seen[name]}
    assert faults == {}, f"{told} {faults}"
    assert seen["wide"] >= 0.97 * seen["frame"], f"{told} {seen['wide']:.0f} of {seen['frame']} pixels are used"
    assert seen["scrolls"] <= seen["frame"] + 1, f"{told} {seen['scrolls']} pixels wide in {seen['frame']}"
