// A job's curves as uPlot takes them: the loss with its smoothed line, validation and checkpoints, and what goes on beside it.

const MOST_POINTS = 2000;
const STEADY_SHARE = 20; // as the server smooths
export const BESIDE = ["learning_rate", "tokens_per_second", "peak_memory_bytes"];

/** Return uPlot's columns of the loss: steps, then a value or null for each of them in each series. */
export function columnsOf(curve) {
  return [curve.steps, curve.train_loss, curve.smoothed_loss, curve.valid_loss, curve.checkpoints];
}

/** Return uPlot's columns of one measure. */
export const columnsBeside = (curve, name) => [curve.steps, curve[name]];

/** Return uPlot's options for the loss; `colour` gives the value of a CSS variable. */
export function optionsOf(curve, { words, colour, width }) {
  const isShort = curve.steps.length < 3;
  return {
    ...common({ words, width, height: 260 }),
    axes: axes(colour, [words.step, words.loss]),
    series: [
      { label: words.step },
      // A line of one or two points cannot be seen.
      line(words.train, colour("--accent-faint"), { width: 1, points: { show: isShort } }, loss),
      line(words.smoothed, colour("--accent"), { width: 2 }, loss),
      dots(words.valid, colour("--busy"), { size: 8, fill: colour("--busy") }),
      dots(words.checkpoint, colour("--ok"), { size: 9, width: 2, fill: colour("--surface") }),
    ],
  };
}

/** Return uPlot's options for a measure that is drawn small; `say` is given the value under the cursor, or else the last. */
export function optionsBeside(curve, name, { say, words, colour, width }) {
  const tell = (plot) => {
    const values = plot.data[1].slice(0, (plot.cursor.idx ?? plot.data[1].length) + 1);
    say(WRITTEN[name](values.findLast((value) => value !== null) ?? 0));
  };
  return {
    ...common({ words, width, height: 130 }),
    legend: { show: false },
    hooks: { setCursor: [tell], setData: [tell], ready: [tell] },
    axes: axes(colour, [null, null], (plot, values) => values.map((value) => WRITTEN[name](value))),
    series: [
      { label: words.step },
      line(name, colour("--accent"), { width: 1.5, points: { show: curve.steps.length < 3 } }, WRITTEN[name]),
    ],
  };
}

/** Return the checkpoint's step that is drawn within `reach` pixels of `x`, if any; `placeOf` gives the place of a step. */
export function checkpointAt(curve, x, placeOf, reach = 12) {
  const far = (step) => Math.abs(placeOf(step) - x);
  const saved = curve.steps.filter((_, index) => curve.checkpoints[index] !== null && far(curve.steps[index]) <= reach);
  return saved.toSorted((one, other) => far(one) - far(other))[0];
}

/**
 * Put what was measured at a step into the curve, which may have it; false where the server must be asked for all of
 * it: for a step between those that are drawn, or once there are more points than are worth drawing.
 */
export function added(curve, { step, train_loss: loss, valid_loss: valid, kind, ...more }) {
  const last = curve.steps.length - 1;
  const at = curve.steps.lastIndexOf(step);
  if (loss === undefined) {
    if (at < 0) return false;
    if (valid !== undefined) curve.valid_loss[at] = valid;
    if (kind === "checkpoint") curve.checkpoints[at] = curve.smoothed_loss[at];
    return true;
  }
  if (at >= 0) return true;
  if (step < curve.steps[last] || last >= MOST_POINTS) return false;
  const decay = 1 - 2 / (Math.max(3, (last + 2) / STEADY_SHARE) + 1);
  const before = curve.smoothed_loss.findLast((value) => value !== null) ?? loss;
  const point = { steps: step, train_loss: loss, smoothed_loss: decay * before + (1 - decay) * loss, tokens: more.tokens_so_far, ...more };
  for (const [name, column] of Object.entries(curve)) column.push(point[name] ?? null);
  return true;
}

const loss = (value) => value.toFixed(3);
const WRITTEN = {
  learning_rate: (value) => Number(value.toPrecision(3)).toString(),
  tokens_per_second: (value) => Math.round(value).toLocaleString("en"),
  peak_memory_bytes: (value) => `${(value / 1e9).toFixed(value < 1e10 ? 2 : 1)} GB`,
};

const common = ({ words, width, height }) => ({
  width,
  height,
  legend: { live: true },
  cursor: { sync: { key: words.step, setSeries: false }, drag: { setScale: false } },
  scales: { x: { time: false } },
});

function axes(colour, labels, values) {
  const axis = { stroke: colour("--ink-2"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  const [x, y] = labels.map((label) => (label ? { ...axis, label } : { ...axis }));
  return [x, values ? { ...y, values, size: 64, space: 24 } : y];
}

const said = (write) => (plot, value) => (value === null || value === undefined ? "–" : write(value));
const line = (label, stroke, look, write) => ({ label, stroke, spanGaps: true, points: { show: false }, value: said(write), ...look });
const dots = (label, stroke, points) => ({ label, stroke, paths: () => null, points: { show: true, ...points }, value: said(loss) });
