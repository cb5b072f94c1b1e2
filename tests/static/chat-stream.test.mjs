import assert from "node:assert/strict";
import test from "node:test";
import { linesOf, textsOf } from "../../static/luthier/chat-stream.js";

const event = (value) => `data: ${JSON.stringify(value)}\n\n`;
const chunk = (content) => event({ choices: [{ index: 0, delta: { content } }] });
const all = async (items) => { const found = []; for await (const item of items) found.push(item); return found; };

test("lines are whole wherever the network cuts them", async () => {
  assert.deepEqual(await all(linesOf(ReadableStream.from(["on", "e\ntw", "o", "\n\nthree\nhalf"]))), ["one", "two", "", "three"]);
});

test("each chunk gives the text that it adds", async () => {
  const answer = event({ choices: [{ index: 0, delta: { role: "assistant" } }] }) + chunk("我是") + chunk("小智。")
    + event({ choices: [], usage: { total_tokens: 9 } }) + "data: [DONE]\n\n";
  for (const size of [1, 7, answer.length]) {
    const pieces = answer.match(new RegExp(`[^]{1,${size}}`, "g"));
    assert.equal((await all(textsOf(ReadableStream.from(pieces)))).join(""), "我是小智。");
  }
});

test("comments that keep a connection alive are no text", async () => {
  assert.deepEqual(await all(textsOf(ReadableStream.from([": waiting\n\n", chunk("Yes")]))), ["Yes"]);
});

test("an error ends the answer after what came before it", async () => {
  const error = { code: "replica_lost", message: "The replica is gone." };
  const texts = textsOf(ReadableStream.from([chunk("I am"), event({ error }), chunk("never")]));
  assert.deepEqual((await texts.next()).value, "I am");
  await assert.rejects(texts.next(), { message: error.message });
});

test("an answer that is stopped raises what the browser does", async () => {
  const stopped = new DOMException("stopped", "AbortError");
  const stream = new ReadableStream({ pull(controller) { controller.error(stopped); } });
  await assert.rejects(all(textsOf(stream)), { name: "AbortError" });
});
