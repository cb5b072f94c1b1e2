// The server-sent events of an answer, read as they come.

/** The server ended the answer with an error. */
export class Broken extends Error {
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

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

/** Yield the text that each chunk of a streamed chat completion adds, which may be none; raise Broken. */
export async function* textsOf(stream) {
  for await (const line of linesOf(stream)) {
    if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
    const chunk = JSON.parse(line.slice("data: ".length));
    if (chunk.error) throw new Broken(chunk.error);
    yield chunk.choices[0]?.delta?.content || "";
  }
}
