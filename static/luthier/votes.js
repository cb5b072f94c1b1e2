// Votes by key: a button's own key, as it is announced, presses it.

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.target.closest("input, textarea, select")) return;
  document.querySelector(`[data-vote] [aria-keyshortcuts="${CSS.escape(event.key)}"]`)?.click();
});
