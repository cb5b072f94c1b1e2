// What is under way, kept for the next visit of the page: all but the bytes, which only the person can give again.

export class Memory {
  /** `storage` is asked for each time: a browser that forbids it says so by an error. */
  constructor(owner, storage = () => localStorage) {
    this.name = `luthier-uploads-${owner}`;
    this.storage = storage;
  }

  all() {
    try { return JSON.parse(this.storage().getItem(this.name)) || []; } catch { return []; }
  }

  keep(record) { this.#store([...this.all().filter((other) => other.id !== record.id), record]); }

  forget(id) { this.#store(this.all().filter((record) => record.id !== id)); }

  find(file) { return this.all().find((record) => isOf(record, file)); }

  #store(records) {
    try { this.storage().setItem(this.name, JSON.stringify(records)); } catch { /* Full or forbidden: no way back then. */ }
  }
}

/** Return what is kept of an upload of `file`. */
export const recordOf = (id, file, sent) => ({ id, name: file.name, size: file.size, modified: file.lastModified, sent });

/** Whether `file`, as far as a browser can tell, is the one that the record was made of. */
export function isOf(record, file) {
  return record.name === file.name && record.size === file.size && record.modified === file.lastModified;
}
