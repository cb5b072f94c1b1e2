// The loss curve of a job: training line, validation dots, checkpoints as marks. Numbers come from the database.
(() => {
  "use strict";
  const holder = document.querySelector("[data-curve]");
  if (!holder) return;
  const words = holder.dataset;
  let plot = null;
  let shown = "";

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  async function load() {
    const reply = await fetch(words.curve, { headers: { Accept: "application/json" } });
    if (!reply.ok) return;
    const text = await reply.text();
    if (text === shown) return;
    shown = text;
    draw(JSON.parse(text));
  }

  function draw(curve) {
    if (!curve.steps.length) return;
    const data = [curve.steps, curve.train_loss, curve.valid_loss, curve.checkpoints];
    const empty = holder.querySelector(".empty");
    if (empty) empty.remove();
    if (plot) { plot.setData(data); return; }
    const axis = { stroke: colour("--ink-2"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
    plot = new uPlot({
      width: holder.clientWidth,
      height: 260,
      legend: { live: true },
      scales: { x: { time: false } },
      axes: [{ ...axis, label: words.step }, { ...axis, label: words.loss }],
      series: [
        { label: words.step },
        { label: words.train, stroke: colour("--accent"), width: 2, points: { show: curve.steps.length < 3 } },
        { label: words.valid, stroke: colour("--busy"), paths: () => null, points: { show: true, size: 8, fill: colour("--busy") } },
        { label: words.checkpoint, stroke: colour("--ok"), paths: () => null, points: { show: true, size: 9, width: 2, fill: colour("--surface") } },
      ],
    }, data, holder);
  }

  new ResizeObserver(() => plot && plot.setSize({ width: holder.clientWidth, height: 260 })).observe(holder);
  load();
  const timer = setInterval(() => {
    load();
    if (document.querySelector("[data-finished]")) clearInterval(timer);
  }, 2000);
})();
