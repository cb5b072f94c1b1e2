// The chat box of a deployment: answers stream and can be stopped.
import { textsOf } from "./chat-stream.js";

const form = document.querySelector("[data-chat]");
const box = document.querySelector("#chat");
const input = form.querySelector("[name=message]");
const stop = form.querySelector("[data-stop]");
const page = form.dataset;
const messages = [];
let controller = null;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = input.value.trim();
  if (!text || controller) return;
  input.value = "";
  bubble(text, "mine");
  messages.push({ role: "user", content: text });
  const answer = bubble(page.waiting, "theirs muted");
  controller = new AbortController();
  stop.hidden = false;
  try {
    const content = await stream(answer, controller.signal);
    messages.push({ role: "assistant", content });
  } catch (error) {
    if (error.name === "AbortError") { messages.push({ role: "assistant", content: answer.textContent }); }
    else { answer.textContent = error.message; answer.className = "bubble failed"; messages.pop(); }
  } finally {
    controller = null;
    stop.hidden = true;
    input.focus();
  }
});
stop.addEventListener("click", () => controller && controller.abort());

async function stream(answer, signal) {
  const token = form.querySelector("input[name=csrfmiddlewaretoken]").value;
  const reply = await fetch(page.chat, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify({ model: page.name, messages, stream: true, temperature: 0, max_tokens: 256 }),
    signal,
  });
  if (!reply.ok) {
    const body = await reply.json().catch(() => ({}));
    throw new Error(body.error?.message || page.failed);
  }
  let content = "";
  for await (const text of textsOf(reply.body.pipeThrough(new TextDecoderStream()))) {
    content += text;
    answer.textContent = content;
    answer.className = "bubble theirs";
    answer.scrollIntoView({ block: "nearest" });
  }
  return content;
}

function bubble(text, classes) {
  const element = document.createElement("div");
  element.className = `bubble ${classes}`;
  element.textContent = text;
  box.append(element);
  element.scrollIntoView({ block: "nearest" });
  return element;
}
