import assert from "node:assert/strict";
import test from "node:test";
import { addressOf, shown } from "../../static/luthier/api-docs.js";

test("parameters go where they belong, and what is left empty is left out", () => {
  const parameters = [
    { name: "job_id", place: "path", value: "a/b c" }, { name: "limit", place: "query", value: "5" },
    { name: "after", place: "query", value: "" },
  ];
  assert.equal(addressOf("/api/v1/jobs/{job_id}/log", parameters), "/api/v1/jobs/a%2Fb%20c/log?limit=5");
  assert.equal(addressOf("/v1/models", []), "/v1/models");
});

test("an answer is shown with its status, what is left of limits, and its body", async () => {
  const headers = { "x-ratelimit-remaining-requests": "9", "content-type": "application/json" };
  const text = await shown(new Response('{"a":1}', { status: 200, headers }));
  assert.equal(text, '200\nx-ratelimit-remaining-requests: 9\n\n{\n  "a": 1\n}');
  assert.ok((await shown(new Response("no JSON", { status: 503 }))).endsWith("no JSON"));
});
