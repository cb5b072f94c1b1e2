// A form that is half filled in survives a closed tab: <form data-draft="…"> is kept in this browser until it is sent.
import { applied, isWorthKeeping, kept, LONGEST } from "./draft-values.js";

const form = document.querySelector("form[data-draft]");
const notice = document.querySelector("[data-draft-notice]");
const key = `luthier-draft-${form.dataset.draft}`;
const untouched = kept(form.elements);

// Private windows may refuse to store anything: the form works without.
const storage = (act) => {
  try {
    return act(window.localStorage);
  } catch {
    return null;
  }
};

function keep() {
  const values = kept(form.elements);
  const text = JSON.stringify(values);
  if (isWorthKeeping(values, untouched) && text.length < LONGEST) storage((local) => local.setItem(key, text));
  else storage((local) => local.removeItem(key));
}

const draft = storage((local) => JSON.parse(local.getItem(key)));
const restored = draft && !form.hasAttribute("data-filled") ? applied(form.elements, draft) : [];
if (restored.length) {
  notice.hidden = false;
  for (const field of restored) {
    const fold = field.closest("details");
    if (fold) fold.open = true;
  }
  // htmx listens once the page is there; what the form would cost is asked anew.
  window.addEventListener("load", () => restored[0].dispatchEvent(new Event("change", { bubbles: true })));
}
form.addEventListener("change", keep);
form.addEventListener("input", keep);
form.addEventListener("submit", () => storage((local) => local.removeItem(key)));
notice.querySelector("button").addEventListener("click", () => {
  storage((local) => local.removeItem(key));
  window.location.reload();
});
