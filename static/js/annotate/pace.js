/* How long this person takes for a pair, and so how long the rest takes. */

const NEWEST = 30;
const LEAST = 5; // answers before anything is said
const LONGEST_MS = 60_000; // a longer gap was no thinking

export class Pace {
  #gaps = [];
  #last;

  /** An answer was given now. */
  answered(now = performance.now()) {
    const gap = now - this.#last;
    if (gap < LONGEST_MS) this.#gaps = [...this.#gaps, gap].slice(-NEWEST);
    this.#last = now;
  }

  /** Minutes that `pairs` will take, from the median gap between answers; undefined while that is a guess. */
  minutesFor(pairs) {
    if (this.#gaps.length < LEAST) return undefined;
    const sorted = [...this.#gaps].sort((a, b) => a - b);
    return Math.max(1, Math.round((pairs * sorted[Math.floor(sorted.length / 2)]) / 60_000));
  }
}
