// Upload by drag and drop with progress and Stop; large files in parts, which go on after a lost connection, or after a
// reload once the same file is chosen again. Without JavaScript the form posts and the page reloads.
(() => {
  "use strict";
  const area = document.querySelector("[data-upload]");
  if (!area) return;
  const { Line, Lost, Refused, Stopped, Unfinished, Unreadable, filled, percentOf, sendParts, sumOf } = window.luthierUpload;
  const form = area.closest("form");
  const input = form.querySelector("input[type=file]");
  const [sending, bar, figures, status, stop] = ["", "-bar", "-figures", "-status", "-stop"].map(
    (part) => document.querySelector(`#upload${part}`));
  const words = { ...sending.dataset, ...area.dataset };
  const token = form.querySelector("input[name=csrfmiddlewaretoken]").value;
  const unfinished = new Unfinished({ box: document.querySelector("#unfinished"), words, token, send, say });
  const { memory } = unfinished;
  let line = null;
  let arrived = 0;
  let samples = [];

  ["dragenter", "dragover"].forEach((name) => area.addEventListener(name, (event) => {
    event.preventDefault();
    area.classList.add("over");
  }));
  ["dragleave", "drop"].forEach((name) => area.addEventListener(name, (event) => {
    event.preventDefault();
    area.classList.remove("over");
  }));
  area.addEventListener("drop", (event) => send(event.dataTransfer.files[0]));
  if ("atOnce" in words) input.addEventListener("change", () => send(input.files[0]));
  form.addEventListener("submit", (event) => {
    if (input.files[0]) { event.preventDefault(); send(input.files[0]); }
  });
  stop.addEventListener("click", () => line?.stop());
  window.addEventListener("beforeunload", (event) => { if (line) event.preventDefault(); });

  async function send(file) {
    if (!file) return;
    if (line) { say(words.busy); return; }
    if (file.size > Number(words.limit)) { say(words.tooLarge, true); return; }
    arrived = 0;
    line = new Line(token, () => { samples = []; progress(file, arrived); say(words.lost); });
    say("");
    show(true);
    try {
      const inParts = words.parts && file.size > Number(words.partBytes);
      const id = await (inParts ? sendInParts(file) : sendWhole(file));
      line = null;
      window.location.assign(`/datasets/${id}`);
    } catch (error) {
      line = null;
      unfinished.current = "";
      show(false);
      explain(error);
      unfinished.show();
    }
  }

  async function sendWhole(file) {
    const body = new FormData(form);
    body.delete("csrfmiddlewaretoken");
    body.delete("form_key");
    body.set("file", file, file.name);
    const onSent = (loaded) => progress(file, Math.min(loaded, file.size));
    return (await line.ask("POST", words.upload, { body, key: randomKey(), tries: 6, onSent })).id;
  }

  async function sendInParts(file) {
    const record = memory.find(file);
    const upload = (record && await unfinished.stillOpen(record, line)) || await line.ask("POST", words.parts, {
      body: { filename: file.name, purpose: "fine-tune", bytes: file.size, mime_type: file.type },
      key: randomKey(),
    });
    const keep = (sent) => {
      arrived = sent;
      memory.keep({ id: upload.id, name: file.name, size: file.size, modified: file.lastModified, sent });
    };
    unfinished.current = upload.id;
    keep(sumOf(upload));
    unfinished.show();
    try {
      const done = await sendParts(line, words.parts, upload, file, {
        partBytes: Number(words.partBytes),
        onSent: (sent) => progress(file, sent),
        onPart: (sent) => { keep(sent); if (sent === file.size) join(); },
      });
      memory.forget(upload.id);
      return done.file.id;
    } catch (error) {
      // Signed out or an error of the server: what has arrived may still be used.
      const isFinal = error instanceof Refused && error.status < 500 && ![401, 403].includes(error.status);
      if (error instanceof Stopped || isFinal) { stop.hidden = true; await unfinished.cancel(upload.id); }
      throw error;
    }
  }

  /** All parts are there: it can no longer be stopped, since the file may be made any moment. */
  function join() {
    stop.hidden = true;
    figures.textContent = words.joining;
  }

  function progress(file, sent) {
    const now = performance.now();
    if (status.textContent === words.lost) say("");
    samples = [...samples.filter(([then]) => now - then < 10_000), [now, sent]];
    const rate = (1000 * (sent - samples[0][1])) / (now - samples[0][0]);
    const known = { name: file.name, percent: percentOf(sent, file.size) };
    bar.max = file.size;
    bar.value = sent;
    figures.textContent = rate > 0 && Number.isFinite(rate)
      ? filled(words.progress, { ...known, rate: (rate / 1e6).toFixed(1), left: duration((file.size - sent) / rate) })
      : filled(words.begun, known);
  }

  function duration(exact) {
    const seconds = Math.ceil(exact);
    const [h, min, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    if (h) return filled(words.hours, { h, min });
    return min ? filled(words.minutes, { min, s }) : filled(words.seconds, { s });
  }

  function explain(error) {
    if (error instanceof Stopped) say(words.stopped);
    else if (error instanceof Unreadable) say(words.unreadable, true);
    else if (error instanceof Refused && error.message) say(error.message, true);
    else say(words.failed, true);
    if (![Stopped, Unreadable, Refused, Lost].some((kind) => error instanceof kind)) throw error;
  }

  function show(isSending) {
    samples = [];
    figures.textContent = "";
    bar.value = 0;
    if (!isSending) input.value = "";
    input.disabled = isSending;
    [bar, stop].forEach((part) => { part.hidden = !isSending; });
  }

  function say(text, isError = false) {
    status.textContent = text;
    status.classList.toggle("field-error", isError);
  }

  const randomKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

  unfinished.show();
})();
