/* How long this person takes for a pair, and so how long the rest takes. */

const NEWEST = 30;
const LEAST = 5; // answers before anything is said
const LONGEST_MS = 60_000; // a longer gap was no thinking

export class Pace {
  #gaps = [];
  #last;
  #before;

  /** `secondsBefore` is what the site knows of the pace until now, if it does. */
  constructor(secondsBefore) {
    this.#before = secondsBefore;
  }

  /** An answer was given now. */
  answered(now = performance.now()) {
    const gap = now - this.#last;
    if (gap < LONGEST_MS) this.#gaps = [...this.#gaps, gap].slice(-NEWEST);
    this.#last = now;
  }

  /** Minutes that `pairs` will take, from the median gap between answers; undefined while that is a guess. */
  minutesFor(pairs) {
    const seconds = this.#gaps.length < LEAST ? this.#before : median(this.#gaps) / 1000;
    return seconds ? Math.max(1, Math.round((pairs * seconds) / 60)) : undefined;
  }
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
