/* The pairs that are next: fetched, and their pictures loaded, before they are needed. */

import { Halted } from "./api.js";
import { load } from "./pictures.js";

const AHEAD = 3; // beside the one on the screen
const MOST = 5; // the API deals no more at once
const POLL_MS = 4_000;
const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
const TRIES = 4; // a picture that did not come so often is said to be missing

/** Events: "changed" (something to show), "dealt" (new leases), "due" (time to fill again), "halted" (see HALTS). */
export class Stock extends EventTarget {
  #api;
  #isSpent;
  #pairs = [];
  #failures = new Map(); // by lease: how often its pictures did not come
  #offline = 0; // how often in a row the site could not be reached
  #asking = false;
  #askOnce = false;
  #timer;

  /** Why there is no pair: "drawing", "held", "paused", "stopped", "done" or "offline". */
  state = "drawing";
  /** What the site says to this person about it. */
  message = "";
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

  /** The next pair, whose pictures are ready (or will not come); undefined where there is none. */
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
      this.#offline = 0;
      if (unsent === 0 && counted === this.#counted) this.waiting = dealt.waiting;
      await this.accept(dealt);
    } catch (error) {
      if (error instanceof Halted) this.#tell("halted", error.why);
      else this.#goOffline();
    }
    this.#asking = false;
    if (this.#askOnce) this.fill(unsent);
  }

  /** Take what the site dealt, in its order, each pair as soon as its pictures are there. */
  async accept(dealt) {
    this.waiting ??= dealt.waiting;
    this.message = dealt.message ?? "";
    this.state = this.message ? "stopped" : (dealt.reason ?? "drawing");
    this.#tell("dealt", dealt.pairs);
    let wait = POLL_MS;
    const coming = dealt.pairs.filter((pair) => this.#isNew(pair)).map((pair) => [pair, load(pair)]);
    for (const [pair, loading] of coming) {
      if (!(await loading) && !this.#gaveUp(pair)) wait = Math.min(wait, this.#waitFor(pair));
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

  #gaveUp(pair) {
    const failures = (this.#failures.get(pair.lease) ?? 0) + 1;
    this.#failures.set(pair.lease, failures);
    return failures >= TRIES;
  }

  #waitFor(pair) {
    return growing(this.#failures.get(pair.lease));
  }

  #goOffline() {
    this.state = "offline";
    this.#offline += 1;
    this.#askAgain(growing(this.#offline));
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

/** 1 s, 2 s, 4 s … half a minute, with some chance in it so that many browsers do not ask at once. */
function growing(tries) {
  return Math.min(RETRY_MS * 2 ** (tries - 1), LONGEST_RETRY_MS) * (0.75 + Math.random() / 2);
}
