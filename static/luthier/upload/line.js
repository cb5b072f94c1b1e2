// A line to the server that may break: what got no answer is asked again.
import { Lost, Stopped, isAnswer, pauseAfter, read } from "./answers.js";

const STALLED_MS = 300_000;

/** Requests one after the other, each tried again until it is answered. */
export class Line {
  #interrupt = () => {};
  #isStopped = false;

  constructor(token, onLost = () => {}) {
    this.token = token;
    this.onLost = onLost;
  }

  stop() {
    this.#isStopped = true;
    this.#interrupt();
  }

  /** Return the answer's JSON; raise Refused, Stopped or, after `tries`, Lost. */
  async ask(method, path, { body = null, key = "", tries = Infinity, onSent = () => {} } = {}) {
    for (let tried = 1; ; tried += 1) {
      const reply = await this.#once(method, path, body, key, onSent);
      if (this.#isStopped) throw new Stopped();
      if (isAnswer(reply.status)) return read(reply.status, reply.responseText);
      if (tried >= tries) throw new Lost();
      this.onLost();
      await this.#pause(pauseAfter(tried));
      if (this.#isStopped) throw new Stopped();
    }
  }

  #once(method, path, body, key, onSent) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      const begun = performance.now();
      const isJson = body !== null && !(body instanceof FormData);
      this.#interrupt = () => request.abort();
      request.upload.addEventListener("progress", (event) => {
        request.timeout = performance.now() - begun + STALLED_MS;
        onSent(event.loaded);
      });
      request.addEventListener("loadend", () => resolve(request));
      request.open(method, path);
      request.timeout = STALLED_MS;
      request.setRequestHeader("X-CSRFToken", this.token);
      request.setRequestHeader("Accept", "application/json");
      if (key) request.setRequestHeader("Idempotency-Key", key);
      if (isJson) request.setRequestHeader("Content-Type", "application/json");
      request.send(isJson ? JSON.stringify(body) : body);
    });
  }

  /** Wait, but not beyond the moment when the browser says that it is online again. */
  #pause(seconds) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        window.removeEventListener("online", done);
        resolve();
      };
      const timer = setTimeout(done, 1000 * seconds);
      window.addEventListener("online", done);
      this.#interrupt = done;
    });
  }
}
