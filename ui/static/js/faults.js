// Marks the fields that a refusal names, and brings the refusal into view; tells when nobody answers.

export function markFaults(within) {
  for (const field of document.querySelectorAll(".faulty")) {
    field.classList.remove("faulty");
    field.removeAttribute("aria-invalid");
  }
  document.querySelectorAll(".beside").forEach((one) => one.remove());
  const told = within?.querySelector?.("[data-problem]");
  if (!told) {
    if (within === null) document.getElementById("problem").replaceChildren();
    return;
  }
  for (const item of told.querySelectorAll("[data-column]")) {
    const field = find(item.dataset.column);
    if (!field) continue;
    field.classList.add("faulty");
    field.setAttribute("aria-invalid", "true");
    // The box that tells of all faults is far from the field.
    const note = Object.assign(document.createElement("span"), { className: "fault beside", textContent: item.dataset.message });
    field.after(note);
  }
  told.scrollIntoView({ block: "nearest" });
}

// A request that nobody answered: told once, however often the page asks again by itself.
export function tellUnreachable(sent) {
  const place = document.getElementById("problem");
  if (!place.querySelector("[data-unreachable]")) place.prepend(document.getElementById("unreachable").content.cloneNode(true));
  if (sent) place.scrollIntoView({ block: "nearest" });
}

export function forgetUnreachable() {
  document.querySelector("[data-unreachable]")?.remove();
}

function find(name) {
  const label = [...document.querySelectorAll("#decisions label")].find((one) => one.textContent === name);
  return document.getElementById(label ? label.htmlFor : name);
}
