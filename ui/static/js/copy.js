const TOLD_FOR_MS = 2000;

export async function copyText(button, text) {
  // A second click comes while the button still says what the first one did.
  const word = (button.dataset.word ??= button.textContent);
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Browsers give no clipboard to pages without https on another host; the text can be taken by hand.
    prompt("Copy this:", text);
    return;
  }
  setTimeout(() => (button.textContent = word), TOLD_FOR_MS);
}

export function copyAddress(button, chart) {
  // The chart's own address names the series and what is shown, also where the page's does not.
  const address = new URL(location.href);
  for (const [name, value] of new URL(chart.dataset.src, location.href).searchParams) address.searchParams.set(name, value);
  return copyText(button, address.href);
}
