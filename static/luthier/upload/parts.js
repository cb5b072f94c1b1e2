// A large file in parts: those that have arrived are not sent again.
import { Unreadable } from "./answers.js";

/** Return how many bytes of an upload have arrived. */
export const arrivedOf = (upload) => (upload.parts || []).reduce((sum, part) => sum + part.bytes, 0);

/** Return where each part begins and ends that a file of `size` bytes still lacks. */
export function missing(size, arrived, partBytes) {
  const ranges = [];
  for (let begin = arrived; begin < size; begin += partBytes) ranges.push([begin, Math.min(begin + partBytes, size)]);
  return ranges;
}

/** Send what `upload` lacks of `file`, part after part, and return the completed upload. */
export async function sendParts(line, path, upload, file, { partBytes, onSent, onPart }) {
  if (upload.status === "completed") return upload;
  const parts = [...(upload.parts || [])];
  for (const [begin, end] of missing(file.size, arrivedOf(upload), partBytes)) {
    const bytes = await file.slice(begin, end).arrayBuffer().catch(() => { throw new Unreadable(); });
    const body = new FormData();
    body.append("data", new Blob([bytes]), "part");
    // The key stands for the place in the file: a part whose reply was lost is not stored twice.
    const key = `${upload.id}-${begin}`;
    // The form's own bytes are not the file's.
    const sent = (loaded) => onSent(Math.min(begin + loaded, end));
    parts.push(await line.ask("POST", `${path}/${upload.id}/parts`, { body, key, onSent: sent }));
    onPart(end);
  }
  const body = { part_ids: parts.map((part) => part.id) };
  return line.ask("POST", `${path}/${upload.id}/complete`, { body });
}
