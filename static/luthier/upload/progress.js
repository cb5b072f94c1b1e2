// How far an upload is, how fast it goes and how long it takes, in the words of the page.

const REMEMBERED_MS = 10_000;

/** Return `pattern` with each {name} replaced by its value. */
export const filled = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

export const percentOf = (sent, size) => Math.floor((100 * sent) / size);

/** Return a time in words. */
export function duration(exact, words) {
  const seconds = Math.ceil(exact);
  const [h, min, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h) return filled(words.hours, { h, min });
  return min ? filled(words.minutes, { min, s }) : filled(words.seconds, { s });
}

/** The speed of the last ten seconds. */
export class Speed {
  #samples = [];

  /** Forget: the line was lost, or another file is sent. */
  reset() { this.#samples = []; }

  /** Take what was sent by now, and return bytes a second, or null while nothing can be told. */
  at(now, sent) {
    this.#samples = [...this.#samples.filter(([then]) => now - then < REMEMBERED_MS), [now, sent]];
    const [then, before] = this.#samples[0];
    const rate = (1000 * (sent - before)) / (now - then);
    return rate > 0 && Number.isFinite(rate) ? rate : null;
  }
}

/** Return what stands beside the bar. */
export function figuresOf({ name, size }, sent, rate, words) {
  const known = { name, percent: percentOf(sent, size) };
  if (rate === null) return filled(words.begun, known);
  return filled(words.progress, { ...known, rate: (rate / 1e6).toFixed(1), left: duration((size - sent) / rate, words) });
}
