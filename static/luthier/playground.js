// The playground: one question for two models, answers stream side by side. Without scripts the form posts instead.
import { textsOf } from "./chat-stream.js";
import { SIDES, hasRoom, messagesOf, parametersOf, turnsIn } from "./playground/talk.js";
import { differences } from "./playground/differences.js";
import { elementsOf, mark } from "./playground/markdown.js";

const STANDING_MILLISECONDS = 1500;
const { marked, DOMPurify } = globalThis;
const form = document.querySelector("#talk");
const list = document.querySelector("#talk-turns");

/** Draw the answers of a turn: Markdown, with what the other one lacks marked where that is wished. */
function draw(element, turn, isMarked) {
  const places = SIDES.map((side) => element.querySelector(`[data-side=${side}] [data-text]`));
  for (const [n, place] of places.entries()) {
    if (place) place.replaceChildren(elementsOf(marked, DOMPurify, turn[SIDES[n]] || ""));
    place?.classList.add("markdown");
  }
  if (!isMarked || SIDES.some((side, n) => !places[n] || turn[side] === null)) return;
  const [left, right] = places.map((place) => place.textContent);
  const ranges = [[...differences(right, left)], [...differences(left, right)]];
  places.forEach((place, n) => mark(place, ranges[n]));
}

/** Return the answers that a turn of the server's shows; null where there is none. */
function shown(element) {
  const texts = SIDES.map((side) => {
    const answer = element.querySelector(`[data-side=${side}]`);
    return answer?.querySelector("[data-status]").hidden ? answer.querySelector("[data-text]").textContent : null;
  });
  return { left: texts[0], right: texts[1] };
}

function start() {
  const field = (name) => form.elements[name];
  const words = form.dataset;
  const stop = form.querySelector("[data-stop]");
  const send = form.querySelector("[data-send]");
  const marks = form.querySelector("[data-marks]");
  const kept = `luthier-playground-${words.owner}`;
  const turns = turnsIn(field("turns").value);
  let controller = null;

  function remember() {
    field("turns").value = JSON.stringify(turns);
    const share = document.querySelector("[data-share]");
    if (share) share.hidden = turns.length === 0;
    const names = ["left", "right", "system", "temperature", "top_p", "max_tokens", "seed"];
    const fields = Object.fromEntries(names.map((name) => [name, field(name).value]));
    try {
      sessionStorage.setItem(kept, JSON.stringify({ turns, fields }));
    } catch {
      // Full, or refused by a private window: the talk goes on without being remembered.
    }
  }

  function remembered() {
    try {
      return JSON.parse(sessionStorage.getItem(kept));
    } catch {
      return null;
    }
  }

  /** What was said in this tab before, after a look at another page. */
  function recall() {
    if (turns.length || location.search || location.pathname !== new URL(document.querySelector("[data-new]").href).pathname) return;
    const found = remembered();
    if (!found) return;
    for (const [name, value] of Object.entries(found.fields)) {
      const place = field(name);
      if (place.tagName !== "SELECT" || [...place.options].some((option) => option.value === value)) place.value = value;
    }
    for (const turn of found.turns) {
      const element = append(turn.prompt, SIDES.filter((side) => turn[side] !== null));
      turns.push(turn);
      finish(element, turn, turns.length - 1);
    }
    remember();
  }

  function append(prompt, sides) {
    const element = document.querySelector("#blank-turn").content.cloneNode(true).querySelector("[data-turn]");
    element.querySelector("[data-prompt]").textContent = prompt;
    for (const side of SIDES) {
      const answer = element.querySelector(`[data-side=${side}]`);
      if (!sides.includes(side)) { answer.remove(); continue; }
      answer.querySelector("[data-name]").textContent = field(side).selectedOptions[0].textContent;
    }
    list.append(element);
    element.scrollIntoView({ block: "end" });
    return element;
  }

  function finish(element, turn, number) {
    draw(element, turn, marks.querySelector("input").checked);
    for (const answer of element.querySelectorAll("[data-side]")) {
      const thumbs = answer.querySelector("[data-thumbs]");
      if (turn[answer.dataset.side] === null) continue;
      const status = answer.querySelector("[data-status]");
      const isEmpty = !turn[answer.dataset.side].trim();
      if (isEmpty && status.textContent !== words.stopped) status.textContent = words.empty;
      status.hidden = !isEmpty && status.textContent !== words.stopped;
      if (!thumbs) continue;
      thumbs.hidden = false;
      thumbs.querySelectorAll("button").forEach((button) => { button.value = button.value.replace(/^[^-]*/, number); });
    }
  }

  /** Return a model's whole answer; null where none came. */
  async function ask(side, prompt, element, signal) {
    const answer = element.querySelector(`[data-side=${side}]`);
    const [place, status] = [answer.querySelector("[data-text]"), answer.querySelector("[data-status]")];
    const model = field(side).value;
    status.textContent = words.waiting;
    status.hidden = false;
    const looking = setInterval(async () => {
      const reply = await fetch(`${words.standing}?model=${encodeURIComponent(model)}`, { signal }).catch(() => null);
      const now = reply?.ok ? await reply.json().catch(() => null) : null;
      if (now && now.state !== "answering" && !place.textContent) status.textContent = now.sentence;
    }, STANDING_MILLISECONDS);
    try {
      const reply = await fetch(words.ask, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": field("csrfmiddlewaretoken").value },
        body: JSON.stringify({ model, stream: true, messages: messagesOf(turns, side, field("system").value.trim(), prompt), ...parameters() }),
        signal,
      });
      if (!reply.ok) throw new Error((await reply.json().catch(() => ({}))).error?.message || words.failed);
      for await (const text of textsOf(reply.body.pipeThrough(new TextDecoderStream()))) {
        if (!text) continue;
        clearInterval(looking);
        status.hidden = true;
        place.textContent += text;
      }
      return place.textContent;
    } catch (error) {
      status.hidden = false;
      const isStopped = error.name === "AbortError";
      status.textContent = isStopped ? words.stopped : error.message || words.failed;
      answer.classList.toggle("failed", !isStopped);
      return isStopped && place.textContent ? place.textContent : null;
    } finally {
      clearInterval(looking);
    }
  }

  function parameters() {
    return parametersOf(Object.fromEntries(["temperature", "top_p", "max_tokens", "seed"].map((name) => [name, field(name).value])));
  }

  async function askBoth(prompt) {
    const sides = SIDES.filter((side) => field(side).value);
    const element = append(prompt, sides);
    const said = form.querySelector("[data-said]");
    controller = new AbortController();
    [stop.hidden, send.hidden, said.textContent] = [false, true, words.asking];
    field("prompt").value = "";
    const { signal } = controller;
    try {
      const found = await Promise.all(sides.map(async (side) => [side, await ask(side, prompt, element, signal)]));
      const turn = { prompt, left: null, right: null, ...Object.fromEntries(found) };
      if (found.some(([, answer]) => answer !== null)) {
        turns.push(turn);
        finish(element, turn, turns.length - 1);
        remember();
      } else if (!field("prompt").value) field("prompt").value = prompt;
    } finally {
      controller = null;
      [stop.hidden, send.hidden, said.textContent] = [true, false, words.answered];
      field("prompt").focus();
    }
  }

  form.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("formaction")) { if (controller) event.preventDefault(); return; }
    event.preventDefault();
    const prompt = field("prompt").value.trim();
    const isFull = !hasRoom(turns, prompt, { turns: Number(words.mostTurns), characters: Number(words.mostCharacters) });
    form.querySelector("[data-full]").hidden = !isFull;
    if (prompt && !isFull && !controller && SIDES.some((side) => field(side).value)) askBoth(prompt);
  });
  field("prompt").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send.click();
  });
  stop.addEventListener("click", () => controller?.abort());
  document.querySelector("[data-new]").addEventListener("click", () => sessionStorage.removeItem(kept));
  marks.hidden = false;
  marks.addEventListener("change", () => {
    const isMarked = marks.querySelector("input").checked;
    const answered = [...list.querySelectorAll("[data-turn]")].filter((element) => element.querySelector(".markdown"));
    answered.forEach((element, n) => turns[n] && draw(element, turns[n], isMarked));
  });
  recall();
}

const isThere = [...list.querySelectorAll("[data-turn]")];
isThere.forEach((element) => draw(element, shown(element), true));
if (form) start();
