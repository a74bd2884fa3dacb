// Mounts the figure, a document of its own, in a closed-off frame, and passes chosen nodes on to the app by their id.
// The frame is made anew only when its document changed: zoom and place stay when something else on the page does.
const mounted = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const holder = parentElement.querySelector(".upgan-graph");
  let state = mounted.get(parentElement);
  if (!state) {
    state = { digest: null };
    state.listen = (event) => {
      if (!state.frame || event.source !== state.frame.contentWindow) return;
      if (event.data?.upgan === "ready") state.select();
      // How tall it is depends on the width, which only the figure knows.
      const pixels = event.data?.upgan === "height" ? Math.ceil(Number(event.data.pixels)) : 0;
      if (pixels > 100 && pixels < 2000) state.frame.style.height = `${pixels + 4}px`;
      if (event.data?.upgan === "node" && typeof event.data.id === "string") state.choose(event.data.id);
    };
    window.addEventListener("message", state.listen);
    mounted.set(parentElement, state);
  }
  state.choose = (id) => setTriggerValue("node", id);
  state.select = () => state.frame.contentWindow?.postMessage({ upgan: "select", id: data.node ?? "" }, "*");
  if (state.digest !== data.digest) {
    const frame = document.createElement("iframe");
    // No same-origin: the figure cannot reach the page, its storage or its session.
    frame.setAttribute("sandbox", "allow-scripts allow-downloads");
    frame.title = data.alt;
    // Tells whoever drives a browser one figure from the next.
    frame.dataset.digest = data.digest;
    frame.style.height = `${data.height}px`;
    frame.srcdoc = data.document;
    holder.replaceChildren(frame);
    state.frame = frame;
    state.digest = data.digest;
  }
  state.select();
  return () => {
    window.removeEventListener("message", state.listen);
    mounted.delete(parentElement);
  };
}
