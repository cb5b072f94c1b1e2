// Uploads that an earlier visit of the page began: told with what has arrived, to be gone on with or discarded.
import { Refused, isGone } from "./answers.js";
import { Line } from "./line.js";
import { Memory, isOf } from "./memory.js";
import { arrivedOf } from "./parts.js";
import { filled, percentOf } from "./progress.js";

export class Unfinished {
  /** The id of what this tab sends now. */
  current = "";

  /** `box` holds the template of a card, or is null where nothing is sent in parts; `send` takes the file chosen again. */
  constructor({ box, page, token, send, say }) {
    Object.assign(this, { box, page, token, send, say });
    this.memory = new Memory(page.owner);
    this.tabs = new BroadcastChannel("luthier-uploads");
    this.tabs.addEventListener("message", ({ data }) => {
      if (data.asked && data.asked === this.current) this.tabs.postMessage({ sent: data.asked });
      if (data.sent) this.#isElsewhere(data.sent);
    });
  }

  /** Show a card for each upload that nobody sends now. */
  show() {
    if (!this.box) return;
    this.box.replaceChildren(this.box.querySelector("template"));
    this.memory.all().filter((record) => record.id !== this.current).forEach((record) => this.#offer(record));
  }

  /** Return the upload with its parts while it is of use, else forget it. */
  async stillOpen(record, line, tries = Infinity) {
    try {
      const upload = await line.ask("GET", `${this.page.parts}/${record.id}`, { tries });
      if (["pending", "completed"].includes(upload.status)) return upload;
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    this.memory.forget(record.id);
    return null;
  }

  /** Have the server delete what has arrived. */
  async cancel(id) {
    try {
      const line = new Line(this.token, () => this.say(this.page.lost));
      await line.ask("POST", `${this.page.parts}/${id}/cancel`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // Refused: it is closed already.
    }
    this.memory.forget(id);
  }

  #offer(record) {
    const card = this.box.querySelector("template").content.firstElementChild.cloneNode(true);
    const [text, file] = ["p", "input"].map((part) => card.querySelector(part));
    const describe = (sent) => {
      if ("elsewhere" in card.dataset) return;
      text.textContent = filled(this.page.unfinished, { name: record.name, percent: percentOf(sent, record.size) });
    };
    card.dataset.id = record.id;
    card.querySelector("[data-choose]").addEventListener("click", () => file.click());
    file.addEventListener("change", () => {
      const [chosen] = file.files;
      if (chosen && isOf(record, chosen)) this.send(chosen);
      else if (chosen) text.textContent = filled(this.page.otherFile, { name: record.name });
      file.value = "";
    });
    card.querySelector("[data-discard]").addEventListener("click", async () => {
      card.remove();
      await this.cancel(record.id);
      this.say(filled(this.page.discarded, { name: record.name }));
    });
    // At once from memory, so that nothing jumps when the server has answered.
    describe(record.sent);
    this.box.append(card);
    this.tabs.postMessage({ asked: record.id });
    this.#confirm(record, card, describe);
  }

  async #confirm(record, card, describe) {
    let upload;
    try { upload = await this.stillOpen(record, new Line(this.token), 1); } catch { return; /* Not now: memory stands. */ }
    if (upload?.status === "pending") { describe(arrivedOf(upload)); return; }
    this.memory.forget(record.id);
    card.remove();
  }

  /** Another tab sends it: here it can neither be chosen nor discarded. */
  #isElsewhere(id) {
    const card = this.box?.querySelector(`[data-id="${CSS.escape(id)}"]`);
    if (!card) return;
    card.dataset.elsewhere = "";
    card.querySelector("p").textContent = this.page.elsewhere;
    card.querySelectorAll("button").forEach((button) => { button.hidden = true; });
  }
}
