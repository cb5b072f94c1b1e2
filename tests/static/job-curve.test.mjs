import assert from "node:assert/strict";
import test from "node:test";
import { columnsOf, follow, optionsOf } from "../../static/luthier/job-curve.js";

const CURVE = { steps: [1, 2, 3], train_loss: [3, 2, 1], valid_loss: [null, null, 2], checkpoints: [null, null, 1] };
const LOOK = { words: { step: "步", loss: "损失", train: "训练", valid: "验证", checkpoint: "检查点" }, colour: (name) => name, width: 640 };

test("every column has a series with its name and colour", () => {
  const { series, axes, width } = optionsOf(CURVE, LOOK);
  assert.deepEqual(columnsOf(CURVE).map((column) => column.length), [3, 3, 3, 3]);
  assert.deepEqual(series.map((one) => one.label), ["步", "训练", "验证", "检查点"]);
  assert.deepEqual(series.slice(1).map((one) => one.stroke), ["--accent", "--busy", "--ok"]);
  assert.deepEqual([axes.map((axis) => axis.label), width], [["步", "损失"], 640]);
});

test("only the training loss is a line, whose points are shown while they are few", () => {
  const [, train, valid, checkpoints] = optionsOf(CURVE, LOOK).series;
  assert.equal(train.paths, undefined);
  assert.deepEqual([valid.paths(), checkpoints.paths()], [null, null]);
  assert.deepEqual([valid.points.show, checkpoints.points.show], [true, true]);
  const shown = (steps) => optionsOf({ ...CURVE, steps }, LOOK).series[1].points.show;
  assert.deepEqual([[1], [1, 2], [1, 2, 3]].map(shown), [true, true, false]);
});

test("a job is looked at every two seconds, and once more when it has finished", (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  let looks = 0;
  let isOver = false;
  follow(() => { looks += 1; }, () => isOver);
  assert.equal(looks, 1);
  context.mock.timers.tick(4000);
  assert.equal(looks, 3);
  isOver = true;
  context.mock.timers.tick(60_000);
  assert.equal(looks, 4);
});
