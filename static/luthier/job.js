// The page of a job draws its curves and follows them. Numbers come from the database.
import { BESIDE, checkpointAt, columnsBeside, columnsOf, follow, optionsBeside, optionsOf } from "./job-curve.js";

const holder = document.querySelector("[data-curve]");
const words = holder.dataset;
const small = BESIDE.map((name) => [name, document.querySelector(`[data-beside="${name}"]`)]);
const plots = new Map();
let curve = null;
let shown = "";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

async function load() {
  const reply = await fetch(words.curve, { headers: { Accept: "application/json" } });
  if (!reply.ok) return;
  const text = await reply.text();
  if (text === shown) return;
  shown = text;
  curve = JSON.parse(text);
  if (curve.steps.length) draw();
}

function draw() {
  put(holder, columnsOf(curve), (width) => optionsOf(curve, { words, colour, width }));
  for (const [name, place] of small) {
    if (!curve[name].some((value) => value !== null)) continue;
    const said = place.querySelector("output");
    const say = (value) => { said.textContent = value; };
    put(place, columnsBeside(curve, name), (width) => optionsBeside(curve, name, { say, words, colour, width }));
  }
}

function put(place, columns, options) {
  if (plots.has(place)) {
    plots.get(place).setData(columns);
    return;
  }
  place.querySelector(".empty")?.remove();
  const plot = new uPlot(options(place.clientWidth), columns, place);
  plots.set(place, plot);
  new ResizeObserver(() => plot.setSize({ width: place.clientWidth, height: plot.height })).observe(place);
}

// A mark leads to the row of its checkpoint, where it can be compared.
holder.addEventListener("click", (event) => {
  const plot = plots.get(holder);
  if (!plot || !plot.over.contains(event.target)) return;
  const x = event.clientX - plot.over.getBoundingClientRect().left;
  const row = document.getElementById(`checkpoint-${checkpointAt(curve, x, (step) => plot.valToPos(step, "x"))}`);
  if (row) window.location.hash = row.id;
});

follow(load, () => document.querySelector("[data-finished]"));
