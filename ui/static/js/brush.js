// Dragging across the plot of the data sets the dates of the context.

export function watchBrush(box) {
  box.removeAllListeners("plotly_selected");
  box.on("plotly_selected", (event) => {
    if (!event?.range?.x) return;
    const [from, to] = event.range.x.map((stamp) => stamp.slice(0, 19).replace(" ", "T"));
    // Days are enough where all stamps are days.
    const days = box.data.every((trace) => trace.x.every((stamp) => String(stamp).length <= 10));
    set("context_start", days ? from.slice(0, 10) : from);
    set("context_end", days ? to.slice(0, 10) : to);
  });
}

export function clearBrush(fields) {
  for (const field of fields.split(" ")) set(field, "");
  for (const box of document.querySelectorAll("[data-brush][data-drawn]")) {
    if (box.figure) Plotly.restyle(box, { selectedpoints: [null] }).then(() => Plotly.relayout(box, { selections: [] }));
  }
}

function set(id, value) {
  const field = document.getElementById(id);
  field.value = value;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}
