/* A list that survives a reload: kept in localStorage, or in memory where the browser has none to give. */

export class StoredList {
  #name;
  #memory = [];

  constructor(name) {
    this.#name = name;
  }

  /** All items, the oldest first. Read anew each time: another tab may have changed them. */
  all() {
    try {
      return JSON.parse(localStorage.getItem(this.#name)) ?? [];
    } catch {
      return this.#memory;
    }
  }

  /** Add an item at the end; beyond `most` the oldest go. */
  push(item, most = Infinity) {
    const items = [...this.all(), item];
    this.#keep(items.length > most ? items.slice(-most) : items);
  }

  /** Take the newest item off; undefined where there is none. */
  pop() {
    const items = this.all();
    const item = items.pop();
    this.#keep(items);
    return item;
  }

  /** Remove every item that `matches`. */
  remove(matches) {
    this.#keep(this.all().filter((item) => !matches(item)));
  }

  #keep(items) {
    this.#memory = items;
    try {
      localStorage.setItem(this.#name, JSON.stringify(items));
    } catch {
      // full or forbidden: memory holds it as long as the page is open
    }
  }
}
