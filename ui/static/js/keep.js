// What was chosen in a form is there again when the visitor comes back to it in this tab.

const key = () => `form ${location.pathname}`;

export function keepForm(form) {
  if (!form) return;
  const kept = sessionStorage.getItem(key());
  if (kept) restore(form, new Map(JSON.parse(kept)));
  form.addEventListener("change", () => sessionStorage.setItem(key(), JSON.stringify(read(form))));
}

function* fields(form) {
  for (const field of form.elements) {
    if (field.name && field.name !== "csrf_token") yield [`${field.name} ${field.type === "checkbox" ? field.value : ""}`, field];
  }
}

function read(form) {
  return [...fields(form)].map(([name, field]) => [name, field.type === "checkbox" ? field.checked : field.value]);
}

function restore(form, values) {
  for (const [name, field] of fields(form)) {
    if (!values.has(name)) continue;
    if (field.type === "checkbox") field.checked = values.get(name);
    else field.value = values.get(name);
  }
}
