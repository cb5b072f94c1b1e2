// Small behaviours of the console. Every page works without them: forms post, pages reload.

// htmx sends Django's CSRF token.
document.addEventListener("htmx:config:request", (event) => {
  const token = document.querySelector("input[name=csrfmiddlewaretoken]");
  if (token) event.detail.ctx.request.headers["X-CSRFToken"] = token.value;
});

// Copy buttons: <button data-copy="#id">.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  await navigator.clipboard.writeText(source.textContent);
  const label = button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => { button.textContent = label; }, 1500);
});

// A log shows its end, where the news is.
const showEnd = () => document.querySelectorAll(".newest-last").forEach((log) => { log.scrollTop = log.scrollHeight; });
document.addEventListener("DOMContentLoaded", showEnd);
document.addEventListener("htmx:after:swap", showEnd);

// Ask before what cannot be undone: <form data-confirm="…">.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});
