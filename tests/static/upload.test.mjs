import assert from "node:assert/strict";
import test from "node:test";
import { Lost, Refused, Stopped, Unreadable, isAnswer, isFinal, isGone, pauseAfter, read } from "../../static/luthier/upload/answers.js";
import { Memory, isOf, recordOf } from "../../static/luthier/upload/memory.js";
import { arrivedOf, missing, sendParts } from "../../static/luthier/upload/parts.js";
import { Speed, duration, figuresOf, percentOf } from "../../static/luthier/upload/progress.js";

test("only the line's own failures are no answer", () => {
  assert.deepEqual([0, 408, 429, 502, 503, 504].filter(isAnswer), []);
  assert.deepEqual([200, 201, 400, 401, 403, 404, 409, 413, 500].filter((status) => !isAnswer(status)), []);
});

test("pauses grow up to half a minute", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 100].map(pauseAfter), [1, 2, 4, 8, 15, 30, 30, 30]);
});

test("an answer is its JSON, or a refusal with its sentence", () => {
  assert.deepEqual(read(200, '{"id": "file-1"}'), { id: "file-1" });
  assert.throws(() => read(400, '{"error": {"message": "Too large."}}'), { constructor: Refused, status: 400, message: "Too large." });
  for (const status of [302, 500]) assert.throws(() => read(status, "<html>"), { constructor: Refused, status, message: "" });
});

test("parts are kept for whoever signs in again, and after an error of the server", () => {
  const refused = [400, 404, 409, 413, 401, 403, 500].filter((status) => isFinal(new Refused(status)));
  assert.deepEqual(refused, [400, 404, 409, 413]);
  assert.deepEqual([new Stopped(), new Lost(), new Unreadable(), new TypeError()].map(isFinal), [true, false, false, false]);
  assert.deepEqual([new Refused(404), new Refused(410), new Lost()].map(isGone), [true, false, false]);
});

test("what is missing begins where what has arrived ends", () => {
  assert.deepEqual(missing(10, 0, 4), [[0, 4], [4, 8], [8, 10]]);
  assert.deepEqual(missing(8, 0, 4), [[0, 4], [4, 8]]);
  assert.deepEqual(missing(10, 5, 4), [[5, 9], [9, 10]]);
  assert.deepEqual(missing(10, 10, 4), []);
  assert.deepEqual([arrivedOf({}), arrivedOf({ parts: [{ bytes: 4 }, { bytes: 3 }] })], [0, 7]);
});

/** A line that takes everything, and what it was asked. */
function takingLine() {
  const asked = [];
  return {
    asked,
    async ask(method, path, { body, key, onSent }) {
      const data = body instanceof FormData ? await body.get("data").text() : body;
      asked.push({ path, key, data });
      onSent?.(1000);
      return path.endsWith("/complete") ? { status: "completed", file: { id: "file-1" } } : { id: `part-${data}`, bytes: data.length };
    },
  };
}

async function sent(upload, line = takingLine()) {
  const said = { onSent: [], onPart: [] };
  const done = await sendParts(line, "/v1/uploads", upload, new File(["abcdefghij"], "chats.jsonl"), {
    partBytes: 4, onSent: (at) => said.onSent.push(at), onPart: (at) => said.onPart.push(at),
  });
  return { done, said, asked: line.asked };
}

test("a file goes up in parts, each under a key that stands for its place", async () => {
  const { done, said, asked } = await sent({ id: "upload-1", status: "pending" });
  assert.deepEqual(asked.slice(0, -1).map(({ key, data }) => [key, data]), [["upload-1-0", "abcd"], ["upload-1-4", "efgh"], ["upload-1-8", "ij"]]);
  assert.deepEqual(asked.at(-1), { path: "/v1/uploads/upload-1/complete", key: undefined, data: { part_ids: ["part-abcd", "part-efgh", "part-ij"] } });
  assert.deepEqual([said, done.file.id], [{ onSent: [4, 8, 10], onPart: [4, 8, 10] }, "file-1"]);
});

test("what has arrived is not sent again, but named when the file is put together", async () => {
  const parts = [{ id: "part-old", bytes: 4 }];
  const { asked } = await sent({ id: "upload-1", status: "pending", parts });
  assert.deepEqual(asked.slice(0, -1).map(({ key }) => key), ["upload-1-4", "upload-1-8"]);
  assert.deepEqual(asked.at(-1).data.part_ids, ["part-old", "part-efgh", "part-ij"]);
  assert.deepEqual(parts.length, 1);
});

test("an upload whose last reply was lost is not completed twice", async () => {
  const upload = { id: "upload-1", status: "completed", file: { id: "file-1" } };
  assert.deepEqual(await sent(upload), { done: upload, said: { onSent: [], onPart: [] }, asked: [] });
});

test("a file that can no longer be read is said to be so", async () => {
  const file = { size: 4, slice: () => ({ arrayBuffer: async () => { throw new DOMException("changed", "NotReadableError"); } }) };
  const none = { partBytes: 4, onSent: () => {}, onPart: () => {} };
  await assert.rejects(sendParts(takingLine(), "", { id: "u", status: "pending" }, file, none), Unreadable);
});

/** What a browser keeps. */
function storage() {
  const kept = new Map();
  return { getItem: (name) => kept.get(name) ?? null, setItem: (name, text) => kept.set(name, text) };
}

test("an upload is found again by the file that it was made of, and by its owner", () => {
  const browser = storage();
  const memory = new Memory("1-1", () => browser);
  const file = new File(["abc"], "chats.jsonl", { lastModified: 7 });
  memory.keep(recordOf("upload-1", file, 0));
  memory.keep(recordOf("upload-2", new File(["abc"], "chats.jsonl", { lastModified: 8 }), 0));
  memory.keep(recordOf("upload-1", file, 2));
  const reopened = new Memory("1-1", () => browser);
  assert.deepEqual(reopened.find(file), { id: "upload-1", name: "chats.jsonl", size: 3, modified: 7, sent: 2 });
  assert.equal(reopened.all().length, 2);
  assert.deepEqual(new Memory("2-1", () => browser).all(), []);
  reopened.forget("upload-1");
  assert.equal(reopened.find(file), undefined);
  const record = recordOf("u", file, 0);
  const others = [new File(["abcd"], file.name, { lastModified: 7 }), new File(["abc"], "other.jsonl", { lastModified: 7 })];
  assert.deepEqual([file, ...others].map((other) => isOf(record, other)), [true, false, false]);
});

test("a browser that keeps nothing, or something else, has begun nothing", () => {
  const forbidden = new Memory("1", () => { throw new DOMException("no", "SecurityError"); });
  forbidden.keep({ id: "upload-1" });
  assert.deepEqual(forbidden.all(), []);
  for (const text of ["half {", "null"]) assert.deepEqual(new Memory("1", () => ({ getItem: () => text })).all(), []);
});

const WORDS = {
  begun: "{name}: {percent} %", progress: "{name}: {percent} %, {rate} MB/s, {left} left",
  seconds: "{s} s", minutes: "{min} min {s} s", hours: "{h} h {min} min",
};

test("time that is left is told in two units at most", () => {
  assert.deepEqual([0.2, 59, 59.5, 61, 3600, 7320].map((seconds) => duration(seconds, WORDS)), ["1 s", "59 s", "1 min 0 s", "1 min 1 s", "1 h 0 min", "2 h 2 min"]);
  assert.deepEqual([percentOf(0, 3), percentOf(2, 3), percentOf(3, 3)], [0, 66, 100]);
});

test("speed is that of the last ten seconds, and unknown at first and after a loss", () => {
  const speed = new Speed();
  assert.equal(speed.at(0, 500), null);
  assert.equal(speed.at(1000, 500), null);
  assert.equal(speed.at(2000, 4500), 2000);
  assert.equal(speed.at(10_500, 6500), (1000 * 6000) / 9500);
  speed.reset();
  assert.equal(speed.at(11_000, 4500), null);
});

test("figures name the speed once it is known", () => {
  const file = { name: "{size} 对话.jsonl", size: 200e6 };
  assert.equal(figuresOf(file, 50e6, null, WORDS), "{size} 对话.jsonl: 25 %");
  assert.equal(figuresOf(file, 50e6, 2e6, WORDS), "{size} 对话.jsonl: 25 %, 2.0 MB/s, 1 min 15 s left");
});
