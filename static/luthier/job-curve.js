// The loss curve as uPlot takes it: training line, validation dots, checkpoints as marks.

/** Return uPlot's columns: steps, then a value or null for each of them in each series. */
export function columnsOf(curve) {
  return [curve.steps, curve.train_loss, curve.valid_loss, curve.checkpoints];
}

/** Return uPlot's options; `colour` gives the value of a CSS variable. */
export function optionsOf(curve, { words, colour, width }) {
  const axis = { stroke: colour("--ink-2"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  return {
    width,
    height: 260,
    legend: { live: true },
    scales: { x: { time: false } },
    axes: [{ ...axis, label: words.step }, { ...axis, label: words.loss }],
    series: [
      { label: words.step },
      // A line of one or two points cannot be seen.
      { label: words.train, stroke: colour("--accent"), width: 2, points: { show: curve.steps.length < 3 } },
      dots(words.valid, colour("--busy"), { size: 8, fill: colour("--busy") }),
      dots(words.checkpoint, colour("--ok"), { size: 9, width: 2, fill: colour("--surface") }),
    ],
  };
}

const dots = (label, stroke, points) => ({ label, stroke, paths: () => null, points: { show: true, ...points } });

/** Call `look` now and every two seconds, for the last time once `isOver` says so. */
export function follow(look, isOver) {
  look();
  const timer = setInterval(() => {
    look();
    if (isOver()) clearInterval(timer);
  }, 2000);
}
