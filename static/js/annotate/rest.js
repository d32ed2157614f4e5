/* A word about resting, after a long time of answering without a pause. */

const PAUSE_MS = 5 * 60_000;

export class Rest {
  #name;
  #workMs;
  #work = {}; // {since, last} in ms since 1970, so that a reload is no pause

  constructor(name, minutes) {
    this.#name = name;
    this.#workMs = minutes * 60_000;
    try {
      this.#work = JSON.parse(localStorage.getItem(name)) ?? {};
    } catch {
      // without storage a reload begins the count anew
    }
  }

  /** An answer was given now; the minutes of work without a pause if it is time for one, once each time. */
  worked(now = Date.now()) {
    const { since, last } = this.#work;
    const worked = now - last < PAUSE_MS ? now - since : 0;
    const isDue = this.#workMs > 0 && worked >= this.#workMs;
    this.#keep({ since: isDue ? now : now - worked, last: now });
    return isDue ? Math.round(worked / 60_000) : 0;
  }

  #keep(work) {
    this.#work = work;
    try {
      localStorage.setItem(this.#name, JSON.stringify(work));
    } catch {
      // see above
    }
  }
}
