// Figures come from the server with roles for colours; here they get those of the style in use.

const BAND_STRENGTH = 0.18;
const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "autoScale2d"] };

export function drawAll(within) {
  for (const box of within.querySelectorAll("[data-src]:not([data-drawn])")) {
    box.dataset.drawn = "";
    draw(box, box.dataset.src);
  }
}

export function restyleAll() {
  for (const box of document.querySelectorAll("[data-drawn]")) if (box.figure) show(box, box.figure);
}

export function pickSeries(input) {
  const box = document.getElementById(input.dataset.chart);
  const address = new URL(box.dataset.src, location.href);
  address.searchParams.set("series", input.value);
  draw(box, address);
}

export function exportImage(box, format) {
  const name = `forecast-${box.dataset.name}`.replace(/[^\w-]+/g, "_");
  Plotly.downloadImage(box, { format, filename: name, width: 1400, height: 700, scale: format === "png" ? 2 : 1 });
}

async function draw(box, address) {
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) {
    box.textContent = "The chart could not be drawn. Load the page again.";
    return;
  }
  box.figure = await answer.json();
  await show(box, box.figure);
  if ("brush" in box.dataset) box.on("plotly_selected", (event) => brush(event));
}

async function show(box, figure) {
  const colour = readColours();
  const data = figure.data.map((trace) => paint(structuredClone(trace), colour));
  const layout = structuredClone(figure.layout);
  const axis = { gridcolor: colour("line"), linecolor: colour("line"), tickcolor: colour("line") };
  Object.assign(layout, {
    paper_bgcolor: colour("panel"),
    plot_bgcolor: colour("panel"),
    font: { color: colour("text"), family: getComputedStyle(document.body).fontFamily },
    hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("line"), font: { color: colour("text") } },
    xaxis: { ...layout.xaxis, ...axis, spikecolor: colour("faint") },
    yaxis: { ...layout.yaxis, ...axis },
  });
  for (const shape of layout.shapes) shape.line.color = colour("faint");
  if ("brush" in box.dataset) Object.assign(layout, { dragmode: "select", selectdirection: "h" });
  await Plotly.react(box, data, layout, config);
}

function paint(trace, colour) {
  const base = colour(trace.meta.role);
  trace.line.color = base;
  if (trace.fill) trace.fillcolor = fade(base);
  return trace;
}

function readColours() {
  const probe = document.createElement("canvas").getContext("2d");
  const span = document.createElement("span");
  document.body.append(span);
  const read = (name) => {
    span.style.color = `var(--${/^model-\d+$/.test(name) ? `model-${Number(name.slice(6)) % 7}` : name})`;
    probe.fillStyle = getComputedStyle(span).color;
    return probe.fillStyle;
  };
  queueMicrotask(() => span.remove());
  return read;
}

function fade(colour) {
  return colour + Math.round(BAND_STRENGTH * 255).toString(16).padStart(2, "0");
}

function brush(event) {
  if (!event?.range?.x) return;
  const [from, to] = event.range.x.map((stamp) => stamp.slice(0, 19).replace(" ", "T"));
  // Days are enough where all stamps are days.
  const days = event.points.every((point) => String(point.x).length <= 10);
  document.getElementById("context_start").value = days ? from.slice(0, 10) : from;
  document.getElementById("context_end").value = days ? to.slice(0, 10) : to;
}
