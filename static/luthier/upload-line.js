// Brings a file to the server over a line that may break: what got no answer is asked again, and parts that have
// arrived are not sent again.
window.luthierUpload = (() => {
  "use strict";
  const PAUSES_S = [1, 2, 4, 8, 15, 30];
  const STALLED_MS = 300_000;
  // Of the line or of a proxy in front of a platform that starts again; every other answer is the platform's.
  const NO_ANSWER = [0, 408, 429, 502, 503, 504];

  /** The platform says no, and why. */
  class Refused extends Error {
    constructor(status, error) {
      super(error?.message || "");
      this.status = status;
    }
  }
  /** The person does not want it any more. */
  class Stopped extends Error {}
  /** No connection, and tried often enough. */
  class Lost extends Error {}
  /** The browser can no longer read the chosen file. */
  class Unreadable extends Error {}

  /** Requests one after the other, each tried again until it is answered. */
  class Line {
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
        if (!NO_ANSWER.includes(reply.status)) return answerOf(reply);
        if (tried >= tries) throw new Lost();
        this.onLost();
        await this.#pause(PAUSES_S[Math.min(tried, PAUSES_S.length) - 1]);
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

  function answerOf(reply) {
    let answer = {};
    try { answer = JSON.parse(reply.responseText); } catch { /* A page, not ours: refused without words. */ }
    if (reply.status >= 300) throw new Refused(reply.status, answer.error);
    return answer;
  }

  /** Send what `upload` lacks of `file`, part after part, and return the completed upload. */
  async function sendParts(line, path, upload, file, { partBytes, onSent, onPart }) {
    if (upload.status === "completed") return upload;
    const parts = [...(upload.parts || [])];
    let at = parts.reduce((sum, part) => sum + part.bytes, 0);
    while (at < file.size) {
      const begin = at;
      const bytes = await file.slice(begin, begin + partBytes).arrayBuffer().catch(() => { throw new Unreadable(); });
      const body = new FormData();
      body.append("data", new Blob([bytes]), "part");
      // The key stands for the place in the file: a part whose reply was lost is not stored twice.
      const key = `${upload.id}-${begin}`;
      const sent = (loaded) => onSent(begin + Math.min(loaded, bytes.byteLength));
      parts.push(await line.ask("POST", `${path}/${upload.id}/parts`, { body, key, onSent: sent }));
      at += bytes.byteLength;
      onPart(at);
    }
    const body = { part_ids: parts.map((part) => part.id) };
    return line.ask("POST", `${path}/${upload.id}/complete`, { body });
  }

  /** What is under way, kept for the next visit of the page: all but the bytes, which only the person can give again. */
  class Memory {
    constructor(owner) { this.name = `luthier-uploads-${owner}`; }

    all() {
      try { return JSON.parse(localStorage.getItem(this.name)) || []; } catch { return []; }
    }

    keep(record) { this.#store([...this.all().filter((other) => other.id !== record.id), record]); }

    forget(id) { this.#store(this.all().filter((record) => record.id !== id)); }

    find(file) { return this.all().find((record) => this.isOf(record, file)); }

    isOf(record, file) {
      return record.name === file.name && record.size === file.size && record.modified === file.lastModified;
    }

    #store(records) {
      try { localStorage.setItem(this.name, JSON.stringify(records)); } catch { /* Full or forbidden: no way back then. */ }
    }
  }

  return { Line, Lost, Memory, Refused, Stopped, Unreadable, sendParts };
})();
