import assert from "node:assert/strict";
import test from "node:test";
import { AGAIN_AFTER, SILENT_AFTER, Stream, due, fate } from "../../static/luthier/job-live.js";

class Source extends EventTarget {
  static opened = [];

  constructor(address) {
    super();
    Object.assign(this, { address, readyState: 1 });
    Source.opened.push(this);
  }

  say(name, data) { this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data) })); }

  close() { this.readyState = 2; }
}

function opened() {
  Source.opened = [];
  const clock = { at: 0 };
  const heard = [];
  const stream = new Stream({ address: () => "/stream", hear: (...said) => heard.push(said), Source, now: () => clock.at });
  stream.open();
  return { stream, clock, heard };
}

test("what is said is heard, and a beat shows that the line holds", () => {
  const { stream, clock, heard } = opened();
  assert.equal(stream.isHeard, false);
  Source.opened[0].say("step", { step: 3 });
  assert.deepEqual([heard, stream.isHeard], [[["step", { step: 3 }]], true]);
  clock.at = SILENT_AFTER;
  assert.equal(stream.isHeard, false);
  Source.opened[0].say("beat", null);
  assert.equal(stream.isHeard, true);
});

test("a stream that is refused is tried again, not at once, and meanwhile the page asks", () => {
  const { stream, clock } = opened();
  Source.opened[0].say("beat", null);
  Source.opened[0].readyState = 2;
  assert.equal(stream.isHeard, false);
  stream.check();
  assert.equal(Source.opened.length, 1);
  clock.at = AGAIN_AFTER + 1;
  stream.check();
  assert.equal(Source.opened.length, 2);
});

test("a silent line is given up for another", () => {
  const { stream, clock } = opened();
  Source.opened[0].say("beat", null);
  clock.at = AGAIN_AFTER + 1;
  stream.check();
  assert.deepEqual([Source.opened.length, Source.opened[0].readyState], [2, 2]);
});

test("a browser without streams asks", () => {
  const stream = new Stream({ address: () => "/stream", hear: () => {}, Source: null });
  stream.open();
  stream.check();
  assert.equal(stream.isHeard, false);
});

test("what the stream says is not asked for while it is heard", () => {
  const looks = [{ every: 2, isStreamed: true, name: "log" }, { every: 3, name: "queue" }];
  const names = (second, isHeard) => due(looks, second, isHeard).map(({ name }) => name);
  assert.deepEqual([names(6, false), names(6, true), names(2, false), names(1, false)], [["log", "queue"], ["queue"], ["log"], []]);
});

test("lines are added once, and where they do not follow on what is shown the log is asked for", () => {
  const at = { attempt: 2, offset: 100 };
  const lines = (attempt, start, end) => fate({ attempt, start, end }, at);
  assert.deepEqual([lines(2, 100, 150), lines(2, 50, 100), lines(1, 0, 900)], ["add", "skip", "skip"]);
  assert.deepEqual([lines(2, 50, 150), lines(2, 120, 150), lines(3, 0, 20)], ["ask", "ask", "ask"]);
});
