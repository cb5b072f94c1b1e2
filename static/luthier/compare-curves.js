// The losses of several jobs as uPlot takes them: one x axis for all, a line and dots for each.

const STROKES = ["--accent", "--busy", "--ok", "--warn"];
const DASHES = [[], [10, 4], [3, 4], [12, 4, 3, 4]];

/** Return uPlot's columns: every place along `along` ("steps" or "tokens"), then the line and the dots of each job. */
export function columnsOf(curves, along) {
  const places = [...new Set(curves.flatMap((curve) => curve[along].filter((place) => place !== null)))].toSorted((a, b) => a - b);
  const at = new Map(places.map((place, index) => [place, index]));
  const column = (curve, name) => {
    const values = places.map(() => null);
    curve[along].forEach((place, index) => {
      if (place !== null && curve[name][index] !== null) values[at.get(place)] = curve[name][index];
    });
    return values;
  };
  return [places, ...curves.flatMap((curve) => [column(curve, "smoothed_loss"), column(curve, "valid_loss")])];
}

/** Return uPlot's options; jobs differ by colour and by dashes. */
export function optionsOf(names, along, { words, colour, width }) {
  const axis = { stroke: colour("--ink-2"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") } };
  return {
    width,
    height: 260,
    legend: { show: false },
    scales: { x: { time: false } },
    axes: [{ ...axis, label: words[along] }, { ...axis, label: words.loss }],
    series: [
      { label: words[along] },
      ...names.flatMap((name, index) => [
        { label: name, stroke: colour(STROKES[index]), width: 2, dash: DASHES[index], spanGaps: true, points: { show: false } },
        {
          label: `${name} · ${words.valid}`, stroke: colour(STROKES[index]), paths: () => null,
          points: { show: true, size: 7, fill: colour(STROKES[index]) },
        },
      ]),
    ],
  };
}
