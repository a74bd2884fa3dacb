// Keys that no button has: "/" goes to the search, "t" to the table of answers, "?" lists all keys of the page.
const SEARCH = ".st-key-upgan_widget_search input";
const TABLE = "[class*='st-key-upgan_candidates_'] [data-testid='stDataFrame']";

const typing = (element) => element?.matches?.("input, textarea, select, [contenteditable='true']");
const held = { list: () => {} };

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target.matches?.(SEARCH)) event.target.blur();
  if (typing(event.target)) return;
  // The arrow keys have chosen already; a box that shows the cell once more would be in the way.
  if (event.key === "Enter" && event.target.closest?.(TABLE)) event.stopPropagation();
  const place = event.key === "/" ? SEARCH : event.key === "t" ? `${TABLE} canvas` : null;
  const target = place && document.querySelector(place);
  if (target) {
    event.preventDefault();
    target.scrollIntoView({ block: "nearest" });
    target.focus();
  }
  if (event.key === "?") held.list();
}

export default function ({ parentElement, setTriggerValue }) {
  held.list = () => setTriggerValue("list", true);
  parentElement.querySelector("button").onclick = held.list;
  document.addEventListener("keydown", pressed, true);
  return () => document.removeEventListener("keydown", pressed, true);
}
