// Enter in the search takes the first match, once the matches are those of what is typed.
const held = { matches: { text: "", first: null }, pending: null };

const same = (typed) => held.matches.text.trim() === typed.trim();

function take() {
  held.pending = null;
  if (held.matches.first) document.querySelector(`.st-key-${held.matches.first} button`)?.click();
}

function pressed(event) {
  const typed = event.target.matches?.(".st-key-upgan_widget_search input") ? event.target.value : "";
  if (event.key !== "Enter" || !typed.trim()) return;
  if (same(typed)) take();
  else held.pending = typed;
}

export default function ({ data }) {
  held.matches = data;
  if (held.pending !== null && same(held.pending)) take();
  document.addEventListener("keydown", pressed, true);
  return () => document.removeEventListener("keydown", pressed, true);
}
