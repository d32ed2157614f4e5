/* A list that survives a reload: kept in localStorage, or in memory where the browser has no room or gives none. */

export class StoredList {
  #name;
  #memory; // the items, while the browser keeps nothing

  constructor(name) {
    this.#name = name;
  }

  /** Whether a reload would find what was added last. */
  get isKept() {
    return this.#memory === undefined;
  }

  /** All items, the oldest first. Read anew each time: another tab may have changed them. */
  all() {
    if (this.#memory) return this.#memory;
    try {
      return JSON.parse(localStorage.getItem(this.#name)) ?? [];
    } catch {
      return [];
    }
  }

  /** Add an item at the end; beyond `most` the oldest go. */
  push(item, most = Infinity) {
    const items = [...this.all(), item];
    this.#keep(items.length > most ? items.slice(-most) : items);
  }

  /** Take the newest item off; undefined where there is none. */
  pop() {
    const items = [...this.all()];
    const item = items.pop();
    this.#keep(items);
    return item;
  }

  /** Remove every item that `matches`. */
  remove(matches) {
    this.#keep(this.all().filter((item) => !matches(item)));
  }

  #keep(items) {
    try {
      localStorage.setItem(this.#name, JSON.stringify(items));
      this.#memory = undefined;
    } catch {
      this.#memory = items; // full or forbidden: held as long as the page is open
    }
  }
}
