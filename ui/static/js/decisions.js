// The answer to a change of the columns renews the form. What is changed until then stays, and is sent with the rest,
// but where the answer is another sheet, which has other columns.

let changed = false;
let [toAnother, another] = [false, false];

export function watchDecisions() {
  document.addEventListener("change", ({ target }) => {
    if (!target.closest("#decisions")) return;
    changed = true;
    toAnother ||= target.id === "sheet";
  });
  on("htmx:beforeRequest", () => {
    another = toAnother;
    changed = toAnother = false;
  });
  on("htmx:beforeSwap", (detail) => {
    if (changed && !another) detail.shouldSwap = false;
  });
}

function on(kind, act) {
  document.addEventListener(kind, ({ detail }) => {
    if (detail.requestConfig.elt.id === "decisions") act(detail);
  });
}
