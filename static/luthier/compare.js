// The page of several jobs draws their losses over one another, by step or by tokens.
import { columnsOf, optionsOf } from "./compare-curves.js";

const holder = document.querySelector("[data-compare]");
const jobs = [...document.querySelectorAll("[data-job]")].map(({ dataset }) => dataset);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const along = () => document.querySelector("[name=along]:checked").value;
let curves = [];
let plot = null;

async function curveOf(job) {
  const reply = await fetch(job.job, { headers: { Accept: "application/json" } });
  return reply.ok ? reply.json() : null;
}

function draw() {
  const columns = columnsOf(curves, along());
  if (!columns[0].length) return;
  plot?.destroy();
  holder.querySelector(".empty")?.remove();
  const look = { words: holder.dataset, colour, width: holder.clientWidth };
  plot = new globalThis.uPlot(optionsOf(jobs.map((job) => job.name), along(), look), columns, holder);
}

document.querySelectorAll("[name=along]").forEach((choice) => choice.addEventListener("change", draw));
new ResizeObserver(() => plot?.setSize({ width: holder.clientWidth, height: plot.height })).observe(holder);
const empty = { steps: [], tokens: [], smoothed_loss: [], valid_loss: [] };
curves = (await Promise.all(jobs.map(curveOf))).map((curve) => curve ?? empty);
draw();
