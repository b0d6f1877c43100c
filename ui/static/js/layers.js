// The layers of a chart as boxes to tick: what a mouse does in a legend, a keyboard does here too.

const PARAMETER = "layer";
const key = () => `layers ${location.pathname}`;

// The layers that the address names, else those chosen before for this result, else null.
export function chosenLayers() {
  const named = new URLSearchParams(location.search).getAll(PARAMETER);
  if (named.length) return named;
  const kept = sessionStorage.getItem(key());
  return kept && JSON.parse(kept);
}

export function showLayers(list, box) {
  const groups = new Map();
  box.data.forEach((trace, index) => {
    const group = groups.get(trace.legendgroup) ?? { indices: [] };
    groups.set(trace.legendgroup, group);
    group.indices.push(index);
    if (trace.showlegend === false) return;
    Object.assign(group, { label: trace.name, shown: trace.visible !== "legendonly", band: Boolean(trace.fill), colour: trace.line.color, dash: trace.line.dash });
  });
  const focused = document.activeElement?.value;
  list.querySelectorAll("label").forEach((one) => one.remove());
  for (const [name, group] of groups) list.append(makeChoice(name, group, box, list));
  [...list.querySelectorAll("input")].find((one) => one.value === focused)?.focus();
}

function makeChoice(name, group, box, list) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "checkbox", value: name, checked: group.shown });
  const swatch = document.createElement("span");
  swatch.className = group.band ? "swatch band" : group.dash === "dot" ? "swatch dotted" : "swatch";
  swatch.style.color = group.colour;
  label.className = "choice";
  label.append(input, swatch, document.createTextNode(plain(group.label)));
  input.addEventListener("change", () => {
    Plotly.restyle(box, { visible: input.checked || "legendonly" }, group.indices);
    keep([...list.querySelectorAll("input:checked")].map((one) => one.value));
  });
  return label;
}

function keep(shown) {
  const address = new URL(location.href);
  address.searchParams.delete(PARAMETER);
  for (const name of shown) address.searchParams.append(PARAMETER, name);
  history.replaceState(history.state, "", address);
  sessionStorage.setItem(key(), JSON.stringify(shown));
}

// Names in figures are escaped for Plotly; as text they need no escape.
function plain(name) {
  return name.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
