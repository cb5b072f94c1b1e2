// What an answer of the server means to an upload, and the lack of one.

const PAUSES_S = [1, 2, 4, 8, 15, 30];
// Of the line or of a proxy in front of a platform that starts again; every other answer is the platform's.
const NO_ANSWER = new Set([0, 408, 429, 502, 503, 504]);

/** The platform says no, and why. */
export class Refused extends Error {
  constructor(status, error) {
    super(error?.message || "");
    this.status = status;
  }
}
/** The person does not want it any more. */
export class Stopped extends Error {}
/** No connection, and tried often enough. */
export class Lost extends Error {}
/** The browser can no longer read the chosen file. */
export class Unreadable extends Error {}

export const isAnswer = (status) => !NO_ANSWER.has(status);

/** Return how many seconds to wait after the request has been tried so often in vain. */
export const pauseAfter = (tried) => PAUSES_S[Math.min(tried, PAUSES_S.length) - 1];

/** Return the JSON of an answer; raise Refused. */
export function read(status, text) {
  let answer = {};
  try { answer = JSON.parse(text); } catch { /* A page, not ours: refused without words. */ }
  if (status >= 300) throw new Refused(status, answer.error);
  return answer;
}

/** Whether nothing can come of the upload any more. Signed out or an error of the server: what has arrived may be used. */
export function isFinal(error) {
  if (error instanceof Stopped) return true;
  return error instanceof Refused && error.status < 500 && ![401, 403].includes(error.status);
}

/** Whether the server no longer knows what was asked for. */
export const isGone = (error) => error instanceof Refused && error.status === 404;
