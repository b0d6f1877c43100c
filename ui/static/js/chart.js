// Figures come from the server with roles for colours; here they get those of the style in use.

import { watchBrush } from "./brush.js";
import { chosenLayers, showLayers } from "./layers.js";

const BAND_STRENGTH = 0.18;
const NARROW = 600;
const config = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "autoScale2d", "select2d"] };

export function drawAll(within) {
  for (const box of within.querySelectorAll(":is([data-src], [data-figure]):not([data-drawn])")) {
    box.dataset.drawn = "";
    if (box.dataset.figure) drawGiven(box);
    else draw(box, box.dataset.src);
  }
}

export function restyleAll() {
  for (const box of document.querySelectorAll("[data-drawn]")) if (box.figure) show(box);
}

export function pickSeries(input) {
  const box = document.getElementById(input.dataset.chart);
  const address = new URL(box.dataset.src, location.href);
  address.searchParams.set("series", input.value);
  draw(box, address);
}

export function showRange(box, which) {
  const range = box.figure?.layout.xaxis.range;
  Plotly.relayout(box, which === "recent" && range ? { "xaxis.range": [...range] } : { "xaxis.autorange": true });
}

export function exportImage(box, format) {
  const name = `forecast-${box.dataset.name}`.replace(/[^\w-]+/g, "_");
  const title = { text: escapeMarkup(box.dataset.name), x: 0.02, font: { size: 18 } };
  const layout = { ...box.layout, showlegend: true, title, margin: { ...box.layout.margin, t: 90 } };
  const size = { width: 1400, height: 700, scale: format === "png" ? 2 : 1 };
  Plotly.downloadImage({ data: box.data, layout, config }, { format, filename: name, ...size });
}

function drawGiven(box) {
  box.figure = JSON.parse(box.dataset.figure);
  return show(box);
}

async function draw(box, address) {
  box.setAttribute("aria-busy", "true");
  const answer = await fetch(address, { headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.ok) {
    box.figure = await answer.json();
    await show(box);
    if ("brush" in box.dataset) watchBrush(box);
  } else {
    if (box.figure) Plotly.purge(box);
    box.figure = null;
    box.textContent = answer?.status === 404 ? "There is no such series." : "The chart could not be drawn. Load the page again.";
  }
  box.removeAttribute("aria-busy");
}

async function show(box) {
  const colour = readColours();
  const chosen = box.dataset.layers && chosenLayers();
  const data = box.figure.data.map((trace) => paint(structuredClone(trace), colour));
  if (chosen) for (const trace of data) trace.visible = chosen.includes(trace.legendgroup) || "legendonly";
  const layout = dress(structuredClone(box.figure.layout), box, colour);
  if (!box.data) box.replaceChildren();
  await Plotly.react(box, data, layout, config);
  if (box.dataset.layers) showLayers(document.getElementById(box.dataset.layers), box);
}

function dress(layout, box, colour) {
  const axis = { gridcolor: colour("line"), linecolor: colour("line"), tickcolor: colour("line") };
  Object.assign(layout, {
    showlegend: false,
    paper_bgcolor: colour("panel"),
    plot_bgcolor: colour("panel"),
    font: { color: colour("text"), family: getComputedStyle(document.body).fontFamily },
    hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("line"), font: { color: colour("text") }, namelength: 40 },
    modebar: { bgcolor: "rgba(0, 0, 0, 0)", color: colour("faint"), activecolor: colour("accent") },
    xaxis: { ...layout.xaxis, ...axis, spikecolor: colour("faint") },
    yaxis: { ...layout.yaxis, ...axis },
  });
  for (const shape of layout.shapes) shape.line.color = colour("faint");
  if (box.clientWidth < NARROW) {
    Object.assign(layout.margin, { l: 8, r: 8 });
    layout.yaxis.title = undefined;
  }
  // A finger scrolls the page; it neither zooms nor brushes.
  if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
  else if ("brush" in box.dataset) Object.assign(layout, { dragmode: "select", selectdirection: "h" });
  return layout;
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

function escapeMarkup(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
