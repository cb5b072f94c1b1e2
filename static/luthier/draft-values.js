// What of a form is kept as a draft, and how it comes back. No page is needed to test it.

export const LONGEST = 64 * 1024;
const NEVER = new Set(["hidden", "file", "password", "submit"]); // types; tokens and keys of forms are hidden

const isKept = (field) => field.name && !NEVER.has(field.type);

/** Return the form's values by name; an unchecked radio or box has none. */
export function kept(fields) {
  const values = {};
  for (const field of fields) {
    if (!isKept(field)) continue;
    if (field.type === "checkbox" || field.type === "radio") {
      if (field.checked) values[field.name] = field.value;
    } else values[field.name] = field.value;
  }
  return values;
}

/** Return whether anything differs from the form as it came. */
export function isWorthKeeping(values, untouched) {
  const names = new Set([...Object.keys(values), ...Object.keys(untouched)]);
  return [...names].some((name) => values[name] !== untouched[name]);
}

/** Fill in a draft, as far as the form still offers what it says; return the fields that this has changed. */
export function applied(fields, draft) {
  const changed = [];
  for (const field of fields) {
    if (!isKept(field)) continue;
    const value = draft[field.name];
    if (field.type === "radio" || field.type === "checkbox") {
      const isOffered = [...fields].some((other) => other.name === field.name && other.value === value);
      if (field.type === "radio" && !isOffered) continue;
      const isOn = value === field.value;
      if (field.checked !== isOn) changed.push(field);
      field.checked = isOn;
    } else if (typeof value === "string" && value !== field.value) {
      if (field.options && ![...field.options].some((option) => option.value === value)) continue;
      field.value = value;
      changed.push(field);
    }
  }
  return changed;
}
