// The API's reference: operations are tried from the page, with a key that is kept nowhere else.

/** Return the address of an operation with its parameters filled in. */
export function addressOf(path, parameters) {
  const query = new URLSearchParams();
  let address = path;
  for (const { name, place, value } of parameters) {
    if (place === "path") address = address.replace(`{${name}}`, encodeURIComponent(value));
    else if (value !== "") query.append(name, value);
  }
  return query.size ? `${address}?${query}` : address;
}

/** Return an answer as people read it. */
export async function shown(reply) {
  const text = await reply.text();
  const left = [...reply.headers].filter(([name]) => /^(x-request-id|x-ratelimit-remaining|retry-after)/.test(name));
  const head = [`${reply.status} ${reply.statusText}`.trim(), ...left.map(([name, value]) => `${name}: ${value}`)];
  let body = text;
  try {
    body = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // No JSON: shown as it came.
  }
  return `${head.join("\n")}\n\n${body.slice(0, 20000)}`;
}

async function send(form) {
  const place = form.querySelector("[data-answer]");
  const key = document.querySelector("#api-key").value.trim();
  const parameters = [...form.querySelectorAll("[data-place]")].map((one) => ({ name: one.name, place: one.dataset.place, value: one.value.trim() }));
  const body = form.elements.body?.value.trim();
  const headers = { ...(key && { Authorization: `Bearer ${key}` }), ...(body && { "Content-Type": "application/json" }) };
  [place.hidden, place.textContent] = [false, form.dataset.waiting];
  try {
    const reply = await fetch(addressOf(form.dataset.path, parameters), { method: form.dataset.method, headers, body: body || undefined, credentials: "omit" });
    place.textContent = await shown(reply);
  } catch {
    place.textContent = form.dataset.failed;
  }
}

/** Open the operation that the address names. */
function openNamed() {
  const found = location.hash && document.getElementById(location.hash.slice(1));
  if (found instanceof HTMLDetailsElement) found.open = true;
}

if (globalThis.document) {
  for (const form of document.querySelectorAll("[data-try]")) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form);
    });
  }
  const key = document.querySelector("[data-key]");
  if (key) key.hidden = false;
  addEventListener("hashchange", openNamed);
  openNamed();
}
