"use strict";
// Shows the form of the figure that fits, lights chains, opens users drawn together, saves what is shown.
(() => {
  const holder = document.getElementById("graph");
  const every = [...holder.querySelectorAll(".form")];
  const forms = every.filter((form) => form.dataset.aliased === undefined);
  const state = { view: "chains", opened: "0", zoom: 1, chosen: "" };
  let shown = null;
  const button = (id) => document.getElementById(id);
  const svg = () => shown.querySelector("svg");

  // A font wider than any we know is drawn narrower, so that no word leaves its box.
  const squeeze = (drawing) => {
    for (const text of drawing.querySelectorAll("text[data-room]")) {
      const room = Number(text.dataset.room);
      if (text.getComputedTextLength() > room) {
        text.setAttribute("textLength", room);
        text.setAttribute("lengthAdjust", "spacingAndGlyphs");
      }
    }
  };

  const size = () => {
    const room = holder.parentElement.clientWidth;
    if (!room) return; // A frame that is not laid out yet: it is asked again when it is.
    const own = forms.filter((form) => form.dataset.view === state.view);
    const closed = own.filter((form) => form.dataset.opened === "0");
    const fitting = closed.sort((a, b) => b.dataset.width - a.dataset.width);
    shown = fitting.find((form) => Number(form.dataset.width) <= room + 1) ?? fitting.at(-1);
    const twin = own.find((form) => form.dataset.opened === "1" && form.dataset.width === shown.dataset.width);
    // Where nobody is drawn together at this width there is nothing to open.
    if (button("open-users")) button("open-users").hidden = !twin;
    if (state.opened === "1" && twin) shown = twin;
    for (const form of every) form.hidden = form !== shown;
    const [, , width, height] = svg().getAttribute("viewBox").split(" ").map(Number);
    // The whole frame; never smaller than it was laid out for, which is the smallest type that can be read.
    const wide = Math.max(width, room) * state.zoom;
    svg().setAttribute("width", wide);
    svg().setAttribute("height", (height * wide) / width);
    document.documentElement.dataset.drawn = String(svg().querySelectorAll(".edge").length);
    squeeze(svg());
    light();
  };

  // The chains of one box stay, all else is faint.
  const light = () => {
    const parts = [...svg().querySelectorAll("[data-chains]")];
    const of = (part) => part.dataset.chains.split(" ").filter(Boolean);
    const box = parts.find((part) => state.chosen && part.dataset.id === state.chosen);
    const chains = new Set(box ? of(box) : []);
    const ends = ["target", "answer"];
    for (const part of parts) {
      const always = part === box || ends.some((end) => part.classList.contains(end));
      const lit = !chains.size || always || of(part).some((chain) => chains.has(chain));
      part.classList.toggle("unlit", !lit);
      part.classList.toggle("lit", Boolean(chains.size) && lit);
    }
  };

  const press = (id, pressed) => button(id)?.setAttribute("aria-pressed", String(pressed));
  const open = () => {
    state.opened = state.opened === "0" ? "1" : "0";
    press("open-users", state.opened === "1");
    size();
  };
  const choose = (id) => {
    if (id.startsWith("more:")) {
      if (button("open-users")) open();
      return;
    }
    state.chosen = state.chosen === id ? "" : id;
    light();
    if (window.parent !== window && !id.startsWith("kind:")) {
      window.parent.postMessage({ upgan: "node", id }, "*");
    }
  };
  // A picture to a screen reader, until its boxes are buttons.
  for (const picture of holder.querySelectorAll("svg")) picture.setAttribute("role", "group");
  for (const box of holder.querySelectorAll(".node")) {
    box.setAttribute("tabindex", "0");
    box.setAttribute("role", "button");
    box.setAttribute("aria-label", box.querySelector("title").textContent.split("\n")[0]);
  }
  holder.addEventListener("click", (event) => {
    const box = event.target.closest(".node");
    if (box) choose(box.dataset.id);
    else {
      state.chosen = "";
      light();
    }
  });
  holder.addEventListener("keydown", (event) => {
    const box = event.target.closest?.(".node");
    if (box && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      choose(box.dataset.id);
    }
  });

  const on = (id, action) => button(id)?.addEventListener("click", action);
  const zoom = (factor) => {
    state.zoom = Math.min(4, Math.max(0.4, state.zoom * factor));
    size();
  };
  on("zoom-in", () => zoom(1.25));
  on("zoom-out", () => zoom(0.8));
  on("zoom-fit", () => {
    state.zoom = 1;
    size();
  });
  on("open-users", open);
  on("by-kind", () => {
    state.view = state.view === "chains" ? "kinds" : "chains";
    state.chosen = "";
    press("by-kind", state.view === "kinds");
    size();
  });

  const save = (name, address) => {
    const link = document.createElement("a");
    link.download = name;
    link.href = address;
    link.click();
  };
  const drawing = () => {
    // Users go by pseudonyms in what leaves this page, where the document has them.
    const same = (form) =>
      form.dataset.aliased !== undefined && ["view", "opened", "width"].every((k) => form.dataset[k] === shown.dataset[k]);
    const alias = every.find(same);
    const copy = (alias?.querySelector("svg") ?? svg()).cloneNode(true);
    const unlit = [...svg().querySelectorAll("[data-chains]")].map((part) => part.classList.contains("unlit"));
    copy.querySelectorAll("[data-chains]").forEach((part, place) => part.classList.toggle("unlit", unlit[place]));
    copy.setAttribute("role", "img");
    copy.setAttribute("width", svg().getAttribute("width"));
    copy.setAttribute("height", svg().getAttribute("height"));
    for (const part of copy.querySelectorAll("[data-id]")) part.removeAttribute("data-id");
    for (const part of copy.querySelectorAll("[tabindex]")) {
      for (const name of ["tabindex", "role", "aria-label"]) part.removeAttribute(name);
    }
    // The page's style is not in the file.
    for (const part of copy.querySelectorAll(".unlit")) part.setAttribute("opacity", "0.13");
    const text = new XMLSerializer().serializeToString(copy);
    return "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  };
  on("save-svg", () => save(holder.dataset.name + ".svg", drawing()));
  on("save-png", () => {
    const picture = new Image();
    picture.onload = () => {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [picture.width * 2, picture.height * 2];
      const context = canvas.getContext("2d");
      context.scale(2, 2);
      context.drawImage(picture, 0, 0);
      save(holder.dataset.name + ".png", canvas.toDataURL("image/png"));
    };
    picture.src = drawing();
  });

  size();
  window.addEventListener("resize", size);
  // Within the app the page around hears which node was chosen, and may choose one. Only ids pass, either way.
  if (window.parent !== window) {
    window.addEventListener("message", (event) => {
      if (event.source !== window.parent || event.data?.upgan !== "select") return;
      state.chosen = String(event.data.id ?? "");
      if (shown) light();
    });
    window.parent.postMessage({ upgan: "ready" }, "*");
    const tell = () => window.parent.postMessage({ upgan: "height", pixels: document.body.scrollHeight }, "*");
    new ResizeObserver(tell).observe(document.body);
  }
})();
