const TOLD_FOR_MS = 2000;

export async function copyText(button, text) {
  await navigator.clipboard.writeText(text);
  const word = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = word), TOLD_FOR_MS);
}

export function copyAddress(button, chart) {
  // The chart's own address names the series and what is shown, also where the page's does not.
  const shown = new URL(chart.dataset.src, location.href).searchParams;
  const address = new URL(location.pathname, location.href);
  for (const [name, value] of shown) address.searchParams.set(name, value);
  return copyText(button, address.href);
}
