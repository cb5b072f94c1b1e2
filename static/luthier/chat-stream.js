// The server-sent events of an answer, read as they come.

/** Yield each whole line of a stream of text, wherever the network has cut it. */
export async function* linesOf(stream) {
  let rest = "";
  for (const reader = stream.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    yield* lines;
  }
}

/** Yield the text that each chunk of a streamed chat completion adds, which may be none; raise what the server ends the answer with. */
export async function* textsOf(stream) {
  for await (const line of linesOf(stream)) {
    if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
    const chunk = JSON.parse(line.slice("data: ".length));
    if (chunk.error) throw new Error(chunk.error.message);
    yield chunk.choices[0]?.delta?.content || "";
  }
}
