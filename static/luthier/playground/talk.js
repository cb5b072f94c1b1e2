// What was said in the playground so far, apart from the page.

export const SIDES = ["left", "right"];

/** Return what the model of `side` is asked with `prompt`: its own answers to the turns before. */
export function messagesOf(turns, side, system, prompt) {
  const before = turns.flatMap((turn) => (turn[side] === null ? [] : [{ role: "user", content: turn.prompt }, { role: "assistant", content: turn[side] }]));
  return [...(system ? [{ role: "system", content: system }] : []), ...before, { role: "user", content: prompt }];
}

/** Return whether one more question may be asked, as the server decides it. */
export function hasRoom(turns, prompt, { turns: most, characters: longest }) {
  const said = turns.reduce((sum, turn) => sum + [turn.prompt, turn.left ?? "", turn.right ?? ""].reduce((all, text) => all + [...text].length, 0), 0);
  return turns.length < most && said + [...prompt].length <= longest;
}

/** Return the numbers that were filled in, by name; an empty field is left to the model. */
export function parametersOf(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, text]) => text !== "").map(([name, text]) => [name, Number(text)]));
}

/** Return the turns that text holds; none where it holds something else. */
export function turnsIn(text) {
  try {
    const found = JSON.parse(text || "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}
