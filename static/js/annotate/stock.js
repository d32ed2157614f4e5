/* The pairs that are next: fetched, and their pictures loaded, before they are needed. */

import { Halted } from "./api.js";
import { load } from "./pictures.js";

const AHEAD = 2; // beside the one on the screen
const MOST = 5; // the API deals no more at once
const POLL_MS = 4_000;
const RETRY_MS = 2_000;

/** Events: "changed" (something to show), "due" (time to fill again), "halted" (nobody is signed in any more). */
export class Stock extends EventTarget {
  #api;
  #isSpent;
  #pairs = [];
  #asking = false;
  #askOnce = false;
  #timer;

  /** Why there is no pair: "drawing", "held", "paused", "done" or "offline". */
  state = "drawing";
  /** Open pairs of the study that I have not answered, as the site last said and I counted on. */
  waiting;
  #counted = 0;

  /** `isSpent(pair)` says that a pair is answered, or on the screen: it is not dealt again. */
  constructor(api, isSpent) {
    super();
    this.#api = api;
    this.#isSpent = isSpent;
  }

  leases() {
    return this.#pairs.map((pair) => pair.lease);
  }

  /** The next pair, whose pictures are ready; undefined where there is none. */
  take() {
    return this.#pairs.shift();
  }

  putBack(pair) {
    this.#pairs.unshift(pair);
  }

  /** Answers (-1) and undos (+1) that the site's number does not know of yet. */
  count(by) {
    this.#counted += 1;
    if (this.waiting !== undefined) this.waiting = Math.max(0, this.waiting + by);
  }

  clear() {
    this.#pairs = [];
  }

  /** Fill up. The pairs of `unsent` answers may be dealt once more, so as many are asked for on top. */
  async fill(unsent) {
    if (this.#pairs.length >= AHEAD) return;
    if (this.#asking) {
      this.#askOnce = true;
      return;
    }
    this.#asking = true;
    this.#askOnce = false;
    clearTimeout(this.#timer);
    const counted = this.#counted;
    try {
      const dealt = await this.#api.next(Math.min(1 + AHEAD + unsent, MOST));
      if (unsent === 0 && counted === this.#counted) this.waiting = dealt.waiting;
      await this.accept(dealt);
    } catch (error) {
      if (error instanceof Halted) this.#tell("halted", error.why);
      else this.#goOffline();
    }
    this.#asking = false;
    if (this.#askOnce) this.fill(unsent);
  }

  /** Take what the site dealt, each pair as soon as its pictures are there. */
  async accept(dealt) {
    this.waiting ??= dealt.waiting;
    this.state = dealt.reason ?? "drawing";
    let wait = POLL_MS;
    for (const pair of dealt.pairs) {
      if (!this.#isNew(pair)) continue;
      if (!(await load(pair))) wait = RETRY_MS;
      else if (this.#isNew(pair)) {
        this.#pairs.push(pair);
        this.#tell("changed");
      }
    }
    if (this.#pairs.length < AHEAD) this.#askAgain(wait);
    this.#tell("changed");
  }

  #isNew(pair) {
    return !this.leases().includes(pair.lease) && !this.#isSpent(pair);
  }

  #goOffline() {
    this.state = "offline";
    this.#askAgain(RETRY_MS);
    this.#tell("changed");
  }

  #askAgain(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell("due"), ms);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
