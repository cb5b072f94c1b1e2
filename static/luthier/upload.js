// Upload by drag and drop with progress. Without JavaScript the form posts and the page reloads.
(() => {
  "use strict";
  const area = document.querySelector("[data-upload]");
  if (!area) return;
  const input = area.querySelector("input[type=file]");
  const form = area.closest("form");
  const status = document.querySelector("#upload-status");
  const bar = document.querySelector("#upload-bar");
  const words = area.dataset;
  const limit = Number(words.limit);

  ["dragenter", "dragover"].forEach((name) => area.addEventListener(name, (event) => {
    event.preventDefault();
    area.classList.add("over");
  }));
  ["dragleave", "drop"].forEach((name) => area.addEventListener(name, (event) => {
    event.preventDefault();
    area.classList.remove("over");
  }));
  area.addEventListener("drop", (event) => send(event.dataTransfer.files[0]));
  input.addEventListener("change", () => send(input.files[0]));
  form.addEventListener("submit", (event) => {
    if (input.files[0]) { event.preventDefault(); send(input.files[0]); }
  });

  function send(file) {
    if (!file) return;
    if (file.size > limit) { say(words.tooLarge, true); return; }
    const started = performance.now();
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("purpose", "fine-tune");
    body.append("file", file, file.name);
    bar.hidden = false;
    request.upload.addEventListener("progress", (event) => {
      const seconds = (performance.now() - started) / 1000;
      bar.max = event.total;
      bar.value = event.loaded;
      const rate = event.loaded / Math.max(seconds, 0.01);
      const left = Math.ceil((event.total - event.loaded) / rate);
      say(`${file.name}: ${Math.round(100 * event.loaded / event.total)} %, ${(rate / 1e6).toFixed(1)} MB/s, ${left} s`);
    });
    request.addEventListener("load", () => {
      let reply = {};
      try { reply = JSON.parse(request.responseText); } catch { /* said below */ }
      if (request.status < 300 && reply.id) { window.location.assign(`/datasets/${reply.id}`); return; }
      bar.hidden = true;
      say(reply.error?.message || words.failed, true);
    });
    request.addEventListener("error", () => { bar.hidden = true; say(words.failed, true); });
    request.open("POST", words.upload);
    request.setRequestHeader("X-CSRFToken", form.querySelector("input[name=csrfmiddlewaretoken]").value);
    request.setRequestHeader("Accept", "application/json");
    request.send(body);
  }

  function say(text, isError = false) {
    status.textContent = text;
    status.classList.toggle("field-error", isError);
  }
})();
