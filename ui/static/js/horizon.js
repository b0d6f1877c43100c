// Says beside the horizon when it reaches beyond what is known of the covariates.

export function watchHorizon(form) {
  if (!form) return;
  for (const kind of ["input", "change"]) form.addEventListener(kind, () => tell(form));
  tell(form);
}

// What is known may be another number when columns have other roles.
export function renewHorizon() {
  const form = document.getElementById("forecast");
  if (!form) return;
  const field = form.elements.horizon;
  const { usual } = document.getElementById("ahead").dataset;
  if (field.value === field.defaultValue) field.value = usual;
  field.defaultValue = usual;
  tell(form);
}

function tell(form) {
  const ahead = document.getElementById("ahead");
  const note = document.getElementById("beyond");
  const { horizon, use_covariates: used, context_end: cutoff } = form.elements;
  const known = Number(ahead.dataset.known);
  // After a cutoff the table knows more than after its end.
  note.hidden = !known || !used.checked || Boolean(cutoff.value) || Number(horizon.value) <= known;
  const text = note.hidden ? "" : ahead.content.textContent;
  if (note.textContent !== text) note.textContent = text;
}
