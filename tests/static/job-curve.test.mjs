import assert from "node:assert/strict";
import test from "node:test";
import { BESIDE, added, checkpointAt, columnsBeside, columnsOf, optionsBeside, optionsOf } from "../../static/luthier/job-curve.js";

const CURVE = {
  steps: [1, 2, 3], train_loss: [3, 2, 1], smoothed_loss: [3, 2.5, 2], valid_loss: [null, null, 2], checkpoints: [null, null, 2],
  learning_rate: [1e-3, 1e-3, 5e-4], tokens_per_second: [90, 100, 110], peak_memory_bytes: [1e9, 1e9, 2e9],
};
const WORDS = { step: "步", loss: "损失", train: "训练", smoothed: "平滑", valid: "验证", checkpoint: "检查点" };
const LOOK = { words: WORDS, colour: (name) => name, width: 640 };

test("every column has a series with its name and colour", () => {
  const { series, axes, width } = optionsOf(CURVE, LOOK);
  assert.deepEqual(columnsOf(CURVE).map((column) => column.length), [3, 3, 3, 3, 3]);
  assert.deepEqual(series.map((one) => one.label), ["步", "训练", "平滑", "验证", "检查点"]);
  assert.deepEqual(series.slice(1).map((one) => one.stroke), ["--accent-faint", "--accent", "--busy", "--ok"]);
  assert.deepEqual([axes.map((axis) => axis.label), width], [["步", "损失"], 640]);
});

test("the training loss, raw and smoothed, is a line, whose points are shown while they are few", () => {
  const [, train, smoothed, valid, checkpoints] = optionsOf(CURVE, LOOK).series;
  assert.deepEqual([train.paths, smoothed.paths, smoothed.points.show], [undefined, undefined, false]);
  assert.deepEqual([valid.paths(), checkpoints.paths()], [null, null]);
  assert.deepEqual([valid.points.show, checkpoints.points.show], [true, true]);
  const shown = (steps) => optionsOf({ ...CURVE, steps }, LOOK).series[1].points.show;
  assert.deepEqual([[1], [1, 2], [1, 2, 3]].map(shown), [true, true, false]);
});

test("what goes on beside the loss is said under the cursor, or else at its end, as people write it", () => {
  const said = BESIDE.map((name) => {
    const heard = [];
    const { hooks } = optionsBeside(CURVE, name, { ...LOOK, say: (value) => heard.push(value) });
    for (const idx of [null, 0]) hooks.setCursor[0]({ data: columnsBeside(CURVE, name), cursor: { idx } });
    return heard;
  });
  assert.deepEqual(said, [["0.0005", "0.001"], ["110", "90"], ["2.00 GB", "1.00 GB"]]);
});

test("a click finds the checkpoint beside it, and none further away", () => {
  const two = { steps: [1, 2, 3], checkpoints: [2, null, 1] };
  assert.deepEqual([9, 21, 28, 60].map((x) => checkpointAt(two, x, (step) => step * 10)), [1, 3, 3, undefined]);
});

test("a step that is heard is drawn where it belongs, and what stands before it does not change", () => {
  const curve = structuredClone({ ...CURVE, tokens: [10, 20, 30] });
  assert.equal(added(curve, { number: 9, step: 4, train_loss: 4, learning_rate: 1e-4, tokens_per_second: 50, tokens_so_far: 40 }), true);
  assert.deepEqual([curve.steps.at(-1), curve.smoothed_loss.at(-1), curve.tokens.at(-1), curve.peak_memory_bytes.at(-1)], [4, 3, 40, null]);
  assert.deepEqual(curve.smoothed_loss.slice(0, 3), CURVE.smoothed_loss);
  assert.equal(added(curve, { step: 4, kind: "validation", valid_loss: 0.5 }), true);
  assert.equal(added(curve, { step: 4, kind: "checkpoint" }), true);
  assert.deepEqual([curve.valid_loss[3], curve.checkpoints[3]], [0.5, 3]);
  assert.equal(added(curve, { step: 4, train_loss: 4 }), true, "heard twice, it is drawn once");
  assert.deepEqual(new Set(Object.values(curve).map((column) => column.length)), new Set([4]));
});

test("for a step that lies between, the whole curve is asked for", () => {
  const thinned = { ...CURVE, steps: [10, 20, 30] };
  const curve = structuredClone(thinned);
  assert.equal(added(curve, { step: 20, train_loss: 9 }), true);
  assert.equal(added(curve, { step: 25, train_loss: 1 }), false);
  assert.equal(added(curve, { step: 35, valid_loss: 1 }), false);
  assert.deepEqual(curve, thinned);
});
