// Which words of one answer the other one lacks.

const WORD = /\s*(?:[\u3400-\u9fff]|(?:(?![\u3400-\u9fff])[\p{L}\p{N}_])+|[^\p{L}\p{N}_\s])|\s+/gu;
const MOST_WORDS = 600;

/** Yield [start, end] of each run of words of `after` that `before` lacks; beyond MOST_WORDS nothing is looked at. */
export function* differences(before, after) {
  const old = wordsOf(before).map((word) => word.text);
  const words = wordsOf(after);
  const kept = common(old, words.map((word) => word.text));
  let start = null;
  for (const [n, word] of words.entries()) {
    if (kept.has(n)) {
      if (start !== null) yield [start, words[n - 1].end];
      start = null;
    } else if (start === null) start = word.start;
  }
  if (start !== null) yield [start, words.at(-1).end];
}

function wordsOf(text) {
  const found = [];
  for (const match of text.matchAll(WORD)) {
    if (found.length === MOST_WORDS) break;
    found.push({ text: match[0].trim(), start: match.index, end: match.index + match[0].length });
  }
  return found;
}

/** Return the places in `after` of a longest common subsequence. */
function common(before, after) {
  const lengths = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      lengths[i][j] = before[i] === after[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  const kept = new Set();
  for (let i = 0, j = 0; i < before.length && j < after.length;) {
    if (before[i] === after[j]) { kept.add(j); i += 1; j += 1; }
    else if (lengths[i + 1][j] >= lengths[i][j + 1]) i += 1;
    else j += 1;
  }
  return kept;
}
