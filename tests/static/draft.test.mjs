import assert from "node:assert/strict";
import { test } from "node:test";
import { applied, isWorthKeeping, kept } from "../../static/luthier/draft-values.js";

const radio = (name, value, checked = false) => ({ name, value, checked, type: "radio" });
const text = (name, value, type = "text") => ({ name, value, type });
const select = (name, value, ...options) => ({ name, value, type: "select-one", options: options.map((one) => ({ value: one })) });

test("values are kept by name, and neither tokens nor passwords nor files", () => {
  const fields = [
    radio("file", "a"), radio("file", "b", true), text("suffix", "bot"), text("csrfmiddlewaretoken", "x", "hidden"),
    text("form_key", "y", "hidden"), text("secret", "z", "password"), text("", "nameless"),
  ];
  assert.deepEqual(kept(fields), { file: "b", suffix: "bot" });
});

test("a form as it came is not a draft", () => {
  assert.equal(isWorthKeeping({ a: "1" }, { a: "1" }), false);
  assert.equal(isWorthKeeping({ a: "2" }, { a: "1" }), true);
  assert.equal(isWorthKeeping({}, { a: "1" }), true);
});

test("a draft comes back", () => {
  const fields = [radio("file", "a", true), radio("file", "b"), text("suffix", ""), select("pool", "p", "p", "q")];
  const changed = applied(fields, { file: "b", suffix: "bot", pool: "q" });
  assert.deepEqual(changed.map((field) => field.name), ["file", "file", "suffix", "pool"]);
  assert.deepEqual(kept(fields), { file: "b", suffix: "bot", pool: "q" });
});

test("what is no longer offered stays as it is", () => {
  const fields = [radio("file", "a", true), select("pool", "p", "p")];
  assert.deepEqual(applied(fields, { file: "deleted", pool: "gone" }), []);
  assert.deepEqual(kept(fields), { file: "a", pool: "p" });
});
