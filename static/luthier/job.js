// The page of a job draws its loss curve and follows it. Numbers come from the database.
import { columnsOf, follow, optionsOf } from "./job-curve.js";

const holder = document.querySelector("[data-curve]");
const page = holder.dataset;
let plot = null;
let shown = "";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

async function load() {
  const reply = await fetch(page.curve, { headers: { Accept: "application/json" } });
  if (!reply.ok) return;
  const text = await reply.text();
  if (text === shown) return;
  shown = text;
  draw(JSON.parse(text));
}

function draw(curve) {
  if (!curve.steps.length) return;
  holder.querySelector(".empty")?.remove();
  if (plot) plot.setData(columnsOf(curve));
  else plot = new uPlot(optionsOf(curve, { words: page, colour, width: holder.clientWidth }), columnsOf(curve), holder);
}

new ResizeObserver(() => plot && plot.setSize({ width: holder.clientWidth, height: plot.height })).observe(holder);
follow(load, () => document.querySelector("[data-finished]"));
