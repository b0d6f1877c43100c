// The answer to a search renews the box that it was typed into. What is typed until then stays, and is searched for too.

const find = () => document.getElementById("q");
let asked, typed;

export function watchSearch() {
  on("htmx:beforeRequest", (box) => (asked = box.value));
  on("htmx:beforeSwap", ({ value, selectionStart, selectionEnd }) => (typed = [value, selectionStart, selectionEnd]));
  on("htmx:afterSwap", (box) => {
    const [value, ...selection] = typed;
    if (box.value === value) return;
    box.value = value;
    box.setSelectionRange(...selection);
  });
  // Only now does the new box hear of what is typed.
  on("htmx:afterSettle", (box) => {
    if (box.value !== asked) box.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

function on(kind, act) {
  document.addEventListener(kind, (event) => {
    const box = find();
    if (box && event.detail.target?.id === "series") act(box);
  });
}
