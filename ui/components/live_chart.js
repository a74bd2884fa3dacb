// Draws a figure with plotly and, when the app sends it again with more points, gives these to the same chart: zoom,
// hidden lines and the label under the pointer stay. Colours are the page's own, light or dark.
const charts = new WeakMap();

export default function ({ data, parentElement }) {
  const holder = parentElement.querySelector(".upgan-live-chart");
  let chart = charts.get(holder);
  if (!chart) {
    chart = { holder, drawn: null, pointer: null, draws: Promise.resolve() };
    holder.addEventListener("mousemove", (event) => {
      if (event.isTrusted) chart.pointer = { clientX: event.clientX, clientY: event.clientY };
    });
    holder.addEventListener("mouseleave", () => (chart.pointer = null));
    charts.set(holder, chart);
  }
  holder.setAttribute("aria-label", data.alt);
  holder.style.height = `${data.height}px`;
  // One after the other, and only the latest: plotly draws in steps.
  chart.wanted = data;
  chart.draws = chart.draws.then(() => draw(chart)).catch((error) => console.error(error));
  return () => {
    charts.delete(holder);
    chart.gone = true;
    // After the draw that may be under way: its next step would find nothing to draw on.
    chart.draws.then(() => chart.drawn && globalThis.Plotly.purge(holder));
  };
}

async function draw(chart) {
  const { holder, wanted } = chart;
  await library();
  // A drag that is under way would be torn off.
  while (holder._dragging && !chart.gone) await new Promise((done) => setTimeout(done, 50));
  const template = theme(holder);
  const signature = wanted.figure + JSON.stringify(template);
  if (chart.gone || chart.drawn === signature) return;
  const figure = JSON.parse(wanted.figure);
  await globalThis.Plotly.react(holder, figure.data, { ...figure.layout, template }, wanted.config);
  chart.drawn = signature;
  point(chart);
}

// Plotly's library comes with a component of its own, once for all charts of the page.
function library() {
  if (globalThis.Plotly) return Promise.resolve();
  return new Promise((done) => addEventListener("upgan-plotly", done, { once: true }));
}

// The label at a point goes when a chart is drawn again: the pointer, which did not move, is told to it once more.
function point({ holder, pointer }) {
  const surface = pointer && document.elementFromPoint(pointer.clientX, pointer.clientY);
  if (surface && holder.contains(surface)) {
    surface.dispatchEvent(new MouseEvent("mousemove", { ...pointer, bubbles: true, view: window }));
  }
}

function theme(holder) {
  const style = getComputedStyle(holder);
  const of = (name, otherwise) => style.getPropertyValue(`--st-${name}`).trim() || otherwise;
  const text = of("text-color", style.color);
  const back = of("background-color", "#ffffff");
  const line = of("border-color", "#8884");
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
  return {
    layout: {
      font: { family: of("font", "sans-serif"), color: text, size: 12 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: back, bordercolor: line, font: { color: text } },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: text, activecolor: of("primary-color", text) },
      xaxis: axis,
      yaxis: axis,
    },
  };
}
