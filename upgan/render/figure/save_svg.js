// What the canvas shows now, as SVG: moved nodes, zoom and cut included. Labels become text nodes, never markup.
const svgOfView = (network, data, settings, holder, pointOn, controlPoint) => {
  const space = "http://www.w3.org/2000/svg";
  const make = (parent, tag, attributes, text) => {
    const made = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  };
  const write = (parent, text, x, y, size, color, weight) =>
    make(parent, "text", {
      x, y, "font-size": size, "font-weight": weight, "text-anchor": "middle", fill: color, stroke: settings.surface,
      "stroke-width": 3, "paint-order": "stroke", "stroke-linejoin": "round",
    }, text);
  const points = (corners) => corners.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const low = network.DOMtoCanvas({ x: 0, y: 0 });
  const high = network.DOMtoCanvas({ x: holder.clientWidth, y: holder.clientHeight });
  const root = document.createElementNS(space, "svg");
  const frame = { x: low.x, y: low.y, width: high.x - low.x, height: high.y - low.y };
  root.setAttribute("viewBox", `${frame.x} ${frame.y} ${frame.width} ${frame.height}`);
  root.setAttribute("width", holder.clientWidth);
  root.setAttribute("height", holder.clientHeight);
  root.setAttribute("font-family", settings.font);
  make(root, "title", {}, settings.title);
  make(root, "desc", {}, settings.description);
  make(root, "rect", { ...frame, fill: settings.surface });
  const at = network.getPositions();
  const radius = settings.nodeSize;
  for (const edge of data.edges) {
    const [a, b, color] = [at[edge.from], at[edge.to], edge.color.color];
    // The line ends at the border of its node.
    let [inside, outside] = [1, 0.5];
    for (let step = 0; step < 20; step++) {
      const middle = (inside + outside) / 2;
      const { x, y } = pointOn(a, b, edge.bend, middle);
      if (Math.hypot(b.x - x, b.y - y) > radius + 3) outside = middle; else inside = middle;
    }
    const tip = pointOn(a, b, edge.bend, outside);
    const whole = controlPoint(a, b, edge.bend);
    const bow = { x: a.x + (whole.x - a.x) * outside, y: a.y + (whole.y - a.y) * outside };
    const line = { d: `M${a.x} ${a.y}Q${bow.x} ${bow.y} ${tip.x} ${tip.y}`, fill: "none", stroke: color };
    if (edge.dashes) line["stroke-dasharray"] = edge.dashes.join(" ");
    make(root, "path", { ...line, "stroke-width": edge.width });
    const heading = Math.atan2(tip.y - bow.y, tip.x - bow.x);
    const wing = (side) => [
      tip.x - (6 + edge.width) * Math.cos(heading + side * Math.PI / 8),
      tip.y - (6 + edge.width) * Math.sin(heading + side * Math.PI / 8),
    ];
    make(root, "polygon", { points: points([[tip.x, tip.y], wing(1), wing(-1)]), fill: color });
  }
  for (const node of data.nodes) {
    const { x, y } = at[node.id];
    const paint = { fill: node.color.background, stroke: node.color.border, "stroke-width": 2 };
    if (node.shapeProperties.borderDashes) paint["stroke-dasharray"] = "3 3";
    const r = radius;
    if (node.shape === "dot") make(root, "circle", { cx: x, cy: y, r, ...paint });
    else {
      const wide = 1.15 * r, drop = 0.275 * wide, inner = wide * Math.sqrt(3) / 3;
      const corners = {
        square: [[-r, -r], [r, -r], [r, r], [-r, r]],
        diamond: [[0, -r], [r, 0], [0, r], [-r, 0]],
        triangle: [[0, drop - wide * Math.sqrt(3) + inner], [wide, drop + inner], [-wide, drop + inner]],
      }[node.shape];
      make(root, "polygon", { points: points(corners.map(([dx, dy]) => [x + dx, y + dy])), ...paint });
    }
    const lines = node.label.split("\n");
    const top = node.font.vadjust ? y - r - 4 - settings.lineHeight * lines.length : y + r + 4;
    lines.forEach((line, index) =>
      write(root, line, x, top + settings.lineHeight * (index + 0.75), settings.fontSize, settings.text, "normal"));
  }
  for (const edge of data.edges) {
    if (!edge.text) continue;
    const { x, y } = pointOn(at[edge.from], at[edge.to], edge.bend, edge.textAt);
    write(root, edge.text, x, y + settings.edgeFontSize * 0.35, settings.edgeFontSize, settings.colors[edge.kind], "bold");
  }
  return new XMLSerializer().serializeToString(root);
};
