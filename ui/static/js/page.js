import { clearBrush } from "./brush.js";
import { drawAll, exportImage, pickSeries, restyleAll, showRange } from "./chart.js";
import { copyAddress, copyText } from "./copy.js";
import { watchDecisions } from "./decisions.js";
import { watchDrops } from "./drop.js";
import { forgetUnreachable, markFaults, tellUnreachable } from "./faults.js";
import { renewHorizon, watchHorizon } from "./horizon.js";
import { keepForm } from "./keep.js";
import { watchSearch } from "./search.js";

const result = () => document.getElementById("result");

drawAll(document);
watchDrops(document.getElementById("drop"));
keepForm(document.querySelector("form[data-keep]"));
watchHorizon(document.getElementById("forecast"));
watchDecisions();
watchSearch();

// A button that is renewed between the press and the release of a key or a pointer would never hear of its click.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig } = event.detail;
  if (target.id.startsWith("state-") && requestConfig.verb === "get" && target.querySelector(":active")) event.detail.shouldSwap = false;
});
document.addEventListener("htmx:afterSettle", (event) => {
  drawAll(event.target);
  if (event.target.id === "data") renewHorizon();
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "banner") recover(event.target);
  if (event.target.id === "problem") markFaults(event.target);
});
document.addEventListener("themechange", restyleAll);
document.addEventListener("change", (event) => {
  if (event.target.dataset.chart) pickSeries(event.target);
});
// What was wrong is told until something is sent again.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.requestConfig.verb === "post") markFaults(null);
});
document.addEventListener("htmx:sendError", (event) => tellUnreachable(event.detail.requestConfig.verb === "post"));
document.addEventListener("htmx:beforeOnLoad", forgetUnreachable);
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.image) exportImage(result(), button.dataset.image);
  if (button.dataset.range) showRange(result(), button.dataset.range);
  if (button.dataset.clear) clearBrush(button.dataset.clear);
  if (button.dataset.copy) copyText(button, document.getElementById(button.dataset.copy).textContent);
  if ("copyAddress" in button.dataset) copyAddress(button, result());
});

// A page that could not be made while the gateway was down is made when it is back.
function recover(banner) {
  if (document.querySelector("[data-recovers]") && !banner.textContent.trim()) location.reload();
}
