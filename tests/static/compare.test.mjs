import assert from "node:assert/strict";
import test from "node:test";
import { columnsOf, optionsOf } from "../../static/luthier/compare-curves.js";

const ONE = { steps: [1, 2, 3], tokens: [100, 200, 300], smoothed_loss: [3, 2, null], valid_loss: [null, null, 2.5] };
const OTHER = { steps: [2, 4], tokens: [null, 800], smoothed_loss: [5, 4], valid_loss: [null, null] };

test("jobs with other steps stand over one another on one axis", () => {
  assert.deepEqual(columnsOf([ONE, OTHER], "steps"), [
    [1, 2, 3, 4], [3, 2, null, null], [null, null, 2.5, null], [null, 5, null, 4], [null, null, null, null],
  ]);
});

test("by tokens, what has none is left out", () => {
  assert.deepEqual(columnsOf([ONE, OTHER], "tokens").slice(0, 4), [
    [100, 200, 300, 800], [3, 2, null, null], [null, null, 2.5, null], [null, null, null, 4],
  ]);
});

test("every column has a series, and four jobs differ without colours", () => {
  const look = { words: { steps: "Step", loss: "Loss", valid: "Validation" }, colour: (name) => name, width: 640 };
  const { series } = optionsOf(["a", "b", "c", "d"], "steps", look);
  assert.equal(series.length, columnsOf([ONE, OTHER, ONE, OTHER], "steps").length);
  const lines = series.filter((one) => one.dash);
  assert.deepEqual([new Set(lines.map((one) => one.stroke)).size, new Set(lines.map((one) => String(one.dash))).size], [4, 4]);
  assert.equal(series[2].label, "a · Validation");
});
