// A page hears of its job by a stream of events. Where it hears nothing, it asks.

export const SILENT_AFTER = 25_000;
export const AGAIN_AFTER = 30_000;
const NAMES = ["said", "step", "log", "state", "stale", "over", "beat"];
const CLOSED = 2;

/** A job's stream. The browser opens it again by itself with what it heard last; where it gives up, `check` does. */
export class Stream {
  constructor({ address, hear, Source = globalThis.EventSource, now = Date.now }) {
    Object.assign(this, { address, hear, Source, now, source: null, heardAt: -Infinity, openedAt: -Infinity });
  }

  /** Whether the page hears what happens; the server says something every ten seconds. */
  get isHeard() {
    return this.source !== null && this.source.readyState !== CLOSED && this.now() - this.heardAt < SILENT_AFTER;
  }

  open() {
    this.close();
    if (!this.Source) return;
    this.openedAt = this.now();
    this.source = new this.Source(this.address());
    for (const name of NAMES) {
      this.source.addEventListener(name, (event) => {
        this.heardAt = this.now();
        this.hear(name, JSON.parse(event.data));
      });
    }
  }

  close() {
    this.source?.close();
    this.source = null;
    this.heardAt = -Infinity;
  }

  /** Open the stream again where nothing has been heard for long. */
  check() {
    if (!this.isHeard && this.now() - this.openedAt > AGAIN_AFTER) this.open();
  }
}

/** Return which of `looks` are due at `second`: what the stream says needs no asking while it is heard. */
export function due(looks, second, isHeard) {
  return looks.filter(({ every, isStreamed }) => second % every === 0 && !(isStreamed && isHeard));
}

/** Tell what becomes of lines of a log that is shown up to `at`: "add", "skip", or "ask" where they do not follow on it. */
export function fate(lines, at) {
  if (lines.attempt < at.attempt || (lines.attempt === at.attempt && lines.end <= at.offset)) return "skip";
  return lines.attempt === at.attempt && lines.start === at.offset ? "add" : "ask";
}
