// A file dropped anywhere is sent as if it had been chosen; a table pasted anywhere fills the text.

export function watchDrops(form) {
  if (!form) return;
  const file = form.querySelector("input[type=file]");
  const hold = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dropping", event.type === "dragover");
  };
  for (const kind of ["dragover", "dragleave"]) document.addEventListener(kind, hold);
  document.addEventListener("drop", (event) => {
    hold(event);
    if (!event.dataTransfer?.files.length) return;
    file.files = event.dataTransfer.files;
    form.requestSubmit();
  });
  document.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text/plain");
    if (event.target.closest("input, textarea") || !text.includes("\n")) return;
    const box = document.getElementById("text");
    box.value = text;
    box.focus();
  });
}
