import { drawAll, exportImage, pickSeries, restyleAll } from "./chart.js";
import { watchDrops } from "./drop.js";
import { copyAddress, copyText } from "./copy.js";
import { markFaults } from "./faults.js";

drawAll(document);
watchDrops(document.getElementById("drop"));

document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
document.addEventListener("htmx:afterSwap", (event) => markFaults(event.target));
document.addEventListener("themechange", restyleAll);
document.addEventListener("change", (event) => {
  if (event.target.dataset.chart) pickSeries(event.target);
});
// What was wrong is told until something is sent again.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.requestConfig.verb === "post") markFaults(null);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.image) exportImage(document.getElementById("result"), button.dataset.image);
  if (button.dataset.copy) copyText(button, document.getElementById(button.dataset.copy).textContent);
  if ("copyAddress" in button.dataset) copyAddress(button, document.getElementById("result"));
});
