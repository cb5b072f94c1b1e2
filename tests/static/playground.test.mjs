import assert from "node:assert/strict";
import { createRequire } from "node:module";
import test from "node:test";
import { differences } from "../../static/luthier/playground/differences.js";
import { htmlOf } from "../../static/luthier/playground/markdown.js";
import { hasRoom, messagesOf, parametersOf, turnsIn } from "../../static/luthier/playground/talk.js";

const marked = createRequire(import.meta.url)("../../static/vendor/marked.umd.js");
const marks = (before, after) => [...differences(before, after)].map(([start, end]) => after.slice(start, end));
const turns = [{ prompt: "Hi", left: "Hello.", right: null }, { prompt: "Who?", left: "A.", right: "B." }];

test("a model is asked with its own answers, and with none of those that it did not give", () => {
  assert.deepEqual(messagesOf(turns, "right", "Be brief.", "And?"), [
    { role: "system", content: "Be brief." }, { role: "user", content: "Who?" }, { role: "assistant", content: "B." },
    { role: "user", content: "And?" },
  ]);
  assert.equal(messagesOf(turns, "left", "", "And?").length, 5);
});

test("nothing more is asked where the server would refuse it", () => {
  const most = { turns: 2, characters: 12 };
  assert.deepEqual([[], [turns[0]], turns].map((before) => hasRoom(before, "Hi", most)), [true, true, false]);
  assert.ok(!hasRoom([turns[0]], "Hi you", most));
  assert.ok(hasRoom([{ prompt: "😀😀", left: null, right: null }], "1234567890", most));
});

test("an empty number is the model's to choose", () => {
  assert.deepEqual(parametersOf({ temperature: "0", seed: "", max_tokens: "256" }), { temperature: 0, max_tokens: 256 });
});

test("turns that are none are no turns", () => {
  assert.deepEqual([turnsIn(""), turnsIn("{"), turnsIn('{"a": 1}'), turnsIn("[1]")], [[], [], [], [1]]);
});

test("words that the other answer lacks are found in both scripts", () => {
  assert.deepEqual(marks("I am SmolLM.", "I am Xiaozhi."), [" Xiaozhi"]);
  assert.deepEqual(marks("我是一个助手。", "我是小智，一个助手。"), ["小智，"]);
  assert.deepEqual(marks("the same", "the same"), []);
  assert.deepEqual(marks("", "all new"), ["all new"]);
});

test("a very long answer is looked at up to a bound", () => {
  const words = "word ".repeat(5000);
  assert.deepEqual(marks(words, words), []);
});

test("HTML in an answer is text, and a picture is what was written", () => {
  const html = htmlOf(marked, '<img src=x onerror="alert(1)"> **bold** ![a](http://x/y.png)\n\n<script>alert(1)</script>\n\n# Title');
  assert.ok(!/<(img|script|h1)/.test(html), html);
  assert.ok(html.includes("&lt;img src=x onerror=&quot;alert(1)&quot;&gt;"), html);
  assert.ok(html.includes("<strong>bold</strong>"), html);
  assert.ok(html.includes("<p><strong>Title</strong></p>"), html);
});
