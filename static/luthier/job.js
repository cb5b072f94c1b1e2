// The page of a job draws its curves and follows it: by a stream of events, or by asking every few seconds.
import { BESIDE, added, checkpointAt, columnsBeside, columnsOf, optionsBeside, optionsOf } from "./job-curve.js";
import { Stream, due, fate } from "./job-live.js";

const MOST_ROWS = 30;
const MOST_CHARACTERS = 128 * 1024;
const holder = document.querySelector("[data-curve]");
const words = holder.dataset;
const small = BESIDE.map((name) => [name, document.querySelector(`[data-beside="${name}"]`)]);
const plots = new Map();
const part = (id) => document.getElementById(id);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let curve = null;
let shown = "";
let isDrawn = true;
let isStale = false;

async function load() {
  isStale = false;
  const reply = await fetch(words.curve, { headers: { Accept: "application/json" } });
  if (!reply.ok) return;
  const text = await reply.text();
  if (text === shown) return;
  shown = text;
  curve = JSON.parse(text);
  draw();
}

function draw() {
  isDrawn = true;
  if (!curve.steps.length) return;
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
  const row = part(`checkpoint-${checkpointAt(curve, x, (step) => plot.valToPos(step, "x"))}`);
  if (row) window.location.hash = row.id;
});

const look = (id) => part(id)?.dispatchEvent(new CustomEvent("look"));
const isOpen = (id) => Boolean(part(id)?.closest("details")?.open);
const LOOKS = [
  { every: 2, isStreamed: true, look: () => look("live") },
  { every: 2, isStreamed: true, look: load },
  { every: 3, isStreamed: true, look: () => look("events") },
  { every: 3, isStreamed: true, look: () => look("log") },
  { every: 3, look: () => isOpen("whole-log") && look("whole-log") },
  { every: 10, look: () => !(stream.isHeard && part("queue")?.hidden) && look("queue") },
  { every: 10, look: () => isOpen("figures") && look("figures") },
];

const measure = (data) => {
  if (curve !== null && added(curve, data)) isDrawn = false;
  else isStale = true;
};

const HEARD = {
  step(data) {
    part("events").dataset.number = Math.max(data.number, Number(part("events").dataset.number));
    measure(data);
  },
  said(data) {
    const events = part("events");
    if (data.number <= Number(events.dataset.number)) return;
    events.dataset.number = data.number;
    isStale ||= data.resumed_from_step !== undefined; // what came after that step is done again
    const rows = events.querySelector("tbody");
    const isFirst = !rows.querySelector("time");
    atItsEnd(events.querySelector(".newest-last"), () => {
      if (isFirst) rows.replaceChildren();
      rows.insertAdjacentHTML("beforeend", data.html);
      while (rows.children.length > MOST_ROWS) rows.firstElementChild.remove();
    });
    if (data.valid_loss !== undefined || data.kind === "checkpoint") measure(data);
  },
  log(data) {
    const { dataset } = part("log");
    const text = part("log").querySelector(".log");
    const what = fate(data, { attempt: Number(dataset.attempt), offset: Number(dataset.offset) });
    if (what === "ask" || (what === "add" && !text && data.text)) look("log");
    if (what !== "add" || (!text && data.text)) return;
    dataset.offset = data.end;
    if (data.text) atItsEnd(text, () => { text.textContent = `${text.textContent.trimEnd()}\n${data.text.trimEnd()}`.slice(-MOST_CHARACTERS); });
  },
  state(data) {
    const live = part("live");
    const sentence = live.querySelector(".lead-sentence");
    if (sentence) sentence.textContent = data.sentence;
    live.querySelector("progress").value = data.percent;
    part("progress-line").textContent = data.line;
    if (live.dataset.look !== data.look) {
      live.dataset.look = data.look; // it is asked for once
      look("live");
      look("queue");
    }
  },
  stale: () => ["live", "events", "log"].forEach(look),
  over: () => window.location.reload(),
};

/** Change what a box shows; one that shows its end goes on showing it. */
function atItsEnd(box, change) {
  const wasThere = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  change();
  if (wasThere) box.scrollTop = box.scrollHeight;
}

const stream = new Stream({
  address: () => `${words.stream}?after=${part("events").dataset.number}.${part("log").dataset.attempt}.${part("log").dataset.offset}`,
  hear: (name, data) => HEARD[name]?.(data),
});

const isOver = () => document.querySelector("[data-finished]") !== null;

function follow() {
  let second = 0;
  stream.open();
  document.addEventListener("visibilitychange", () => (document.hidden ? stream.close() : stream.open()));
  const timer = setInterval(() => {
    if (isOver()) {
      clearInterval(timer);
      stream.close();
      load();
    } else if (!document.hidden) {
      second += 1;
      stream.check();
      if (isStale) load();
      else if (!isDrawn) draw();
      due(LOOKS, second, stream.isHeard).forEach((one) => one.look());
    }
  }, 1000);
}

load();
if (!isOver()) follow();
