// Upload by drag and drop with progress and Stop; large files in parts, which go on after a lost connection, or after a
// reload once the same file is chosen again. Without JavaScript the form posts and the page reloads.
import { Lost, Refused, Stopped, Unreadable, isFinal } from "./upload/answers.js";
import { Board } from "./upload/board.js";
import { Line } from "./upload/line.js";
import { recordOf } from "./upload/memory.js";
import { arrivedOf, sendParts } from "./upload/parts.js";
import { Unfinished } from "./upload/unfinished.js";

class Upload {
  #line = null;
  #arrived = 0;

  /** `area` is the form, or stands in it. Its data are the page's: sentences, addresses and limits. */
  constructor(area) {
    this.area = area;
    this.form = area.closest("form");
    this.input = this.form.querySelector("input[type=file]");
    this.token = this.form.querySelector("input[name=csrfmiddlewaretoken]").value;
    this.page = { ...document.querySelector("#upload").dataset, ...area.dataset };
    this.board = new Board(this.page);
    this.unfinished = new Unfinished({
      box: document.querySelector("#unfinished"), page: this.page, token: this.token,
      send: (file) => this.send(file), say: (text) => this.board.say(text),
    });
  }

  /** Listen to the page, and show what is unfinished. */
  begin() {
    const { area } = this;
    for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
      area.addEventListener(name, (event) => {
        event.preventDefault();
        area.classList.toggle("over", name === "dragenter" || name === "dragover");
      });
    }
    area.addEventListener("drop", (event) => this.send(event.dataTransfer.files[0]));
    if ("atOnce" in this.page) this.input.addEventListener("change", () => this.send(this.input.files[0]));
    this.form.addEventListener("submit", (event) => {
      if (this.input.files[0]) { event.preventDefault(); this.send(this.input.files[0]); }
    });
    this.board.stop.addEventListener("click", () => this.#line?.stop());
    window.addEventListener("beforeunload", (event) => { if (this.#line) event.preventDefault(); });
    this.unfinished.show();
  }

  async send(file) {
    if (!file) return;
    if (this.#line) { this.board.say(this.page.busy); return; }
    if (file.size > Number(this.page.limit)) { this.board.say(this.page.tooLarge, true); return; }
    this.#arrived = 0;
    this.#line = new Line(this.token, () => this.board.lost(file, this.#arrived));
    this.board.say("");
    this.#show(true);
    try {
      const inParts = this.page.parts && file.size > Number(this.page.partBytes);
      const id = await (inParts ? this.#sendInParts(file) : this.#sendWhole(file));
      this.#line = null;
      window.location.assign(`/datasets/${id}`);
    } catch (error) {
      this.#line = null;
      this.unfinished.current = "";
      this.#show(false);
      this.board.explain(error);
      this.unfinished.show();
      if (![Stopped, Unreadable, Refused, Lost].some((kind) => error instanceof kind)) throw error;
    }
  }

  async #sendWhole(file) {
    const body = new FormData(this.form);
    body.delete("csrfmiddlewaretoken");
    body.delete("form_key");
    body.set("file", file, file.name);
    const onSent = (loaded) => this.board.progress(file, Math.min(loaded, file.size));
    return (await this.#line.ask("POST", this.page.upload, { body, key: randomKey(), tries: 6, onSent })).id;
  }

  async #sendInParts(file) {
    const upload = await this.#begun(file);
    this.unfinished.current = upload.id;
    this.#keep(upload, file, arrivedOf(upload));
    this.unfinished.show();
    try {
      const done = await sendParts(this.#line, this.page.parts, upload, file, {
        partBytes: Number(this.page.partBytes),
        onSent: (sent) => this.board.progress(file, sent),
        onPart: (sent) => { this.#keep(upload, file, sent); if (sent === file.size) this.board.joining(); },
      });
      this.unfinished.memory.forget(upload.id);
      return done.file.id;
    } catch (error) {
      if (isFinal(error)) { this.board.stop.hidden = true; await this.unfinished.cancel(upload.id); }
      throw error;
    }
  }

  /** Return what an earlier visit began of this file, or a new upload. */
  async #begun(file) {
    const record = this.unfinished.memory.find(file);
    return (record && await this.unfinished.stillOpen(record, this.#line)) || this.#line.ask("POST", this.page.parts, {
      body: { filename: file.name, purpose: "fine-tune", bytes: file.size, mime_type: file.type },
      key: randomKey(),
    });
  }

  #keep(upload, file, sent) {
    this.#arrived = sent;
    this.unfinished.memory.keep(recordOf(upload.id, file, sent));
  }

  #show(isSending) {
    this.board.show(isSending);
    if (!isSending) this.input.value = "";
    this.input.disabled = isSending;
  }
}

const randomKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// Who may only look finds no form.
const found = document.querySelector("[data-upload]");
if (found) new Upload(found).begin();
