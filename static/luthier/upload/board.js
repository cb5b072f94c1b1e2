// What a page says of its upload: the bar, the figures beside it, a sentence, and Stop while it can be stopped.
import { Refused, Stopped, Unreadable } from "./answers.js";
import { Speed, figuresOf } from "./progress.js";

export class Board {
  #speed = new Speed();

  constructor(words) {
    const [bar, figures, status, stop] = ["bar", "figures", "status", "stop"].map(
      (part) => document.querySelector(`#upload-${part}`));
    Object.assign(this, { words, bar, figures, status, stop });
  }

  /** Show the bar and Stop, or hide them. */
  show(isSending) {
    this.#speed.reset();
    this.figures.textContent = "";
    this.bar.value = 0;
    [this.bar, this.stop].forEach((part) => { part.hidden = !isSending; });
  }

  progress(file, sent) {
    if (this.status.textContent === this.words.lost) this.say("");
    this.bar.max = file.size;
    this.bar.value = sent;
    this.figures.textContent = figuresOf(file, sent, this.#speed.at(performance.now(), sent), this.words);
  }

  /** The line is broken: what counts is what has arrived, not what had left. */
  lost(file, arrived) {
    this.#speed.reset();
    this.progress(file, arrived);
    this.say(this.words.lost);
  }

  /** All parts are there: it can no longer be stopped, since the file may be made any moment. */
  joining() {
    this.stop.hidden = true;
    this.figures.textContent = this.words.joining;
  }

  explain(error) {
    if (error instanceof Stopped) this.say(this.words.stopped);
    else if (error instanceof Unreadable) this.say(this.words.unreadable, true);
    else if (error instanceof Refused && error.message) this.say(error.message, true);
    else this.say(this.words.failed, true);
  }

  say(text, isError = false) {
    this.status.textContent = text;
    this.status.classList.toggle("field-error", isError);
  }
}
