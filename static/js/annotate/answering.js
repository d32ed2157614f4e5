/* The pair on the screen: shown, answered, taken back. An answer is in the outbox before the next pair is shown. */

import { elementsOf, load } from "./pictures.js";

const UNDO_STEPS = 30;

/** Events: "shown" (a pair, or none), "chose" (what was answered), "undone" (the pair that is back). */
export class Answering extends EventTarget {
  #stock;
  #outbox;
  #answered;
  #shownAt = 0;
  #aside = new Set(); // leases of pairs that could not be shown here

  /** The pair on the screen. */
  current;
  /** Answers since the page was opened. */
  mine = 0;

  /** `answered` is a StoredList of {pair, key, answer, reasons, comment}: what undo walks back through. */
  constructor(stock, outbox, answered) {
    super();
    this.#stock = stock;
    this.#outbox = outbox;
    this.#answered = answered;
  }

  /** How long the pair has been on the screen, in ms. */
  age() {
    return performance.now() - this.#shownAt;
  }

  /** The newest answer of this browser that stands, with what was said of it. */
  last() {
    const made = this.#answered.all().at(-1);
    return made && { reasons: [], comment: "", ...made };
  }

  /** The leases that this page holds. */
  leases() {
    return [...(this.current ? [this.current.lease] : []), ...this.#stock.leases()];
  }

  isSpent({ lease }) {
    if (lease === this.current?.lease || this.#aside.has(lease)) return true;
    return this.#outbox.leases().includes(lease) || this.#answered.all().some((made) => made.pair.lease === lease);
  }

  /** Whether `answer` (by the screen's sides) can be given now: a pair whose pictures did not come is only skipped. */
  offers(answer) {
    if (!this.current || (answer !== "skip" && !elementsOf(this.current))) return false;
    return this.current.answers.includes(inPairsOrder(this.current, answer));
  }

  choose(answer) {
    if (!this.offers(answer)) return;
    const pair = this.current;
    const made = { pair, key: newKey(), answer };
    this.#answered.push(made, UNDO_STEPS);
    this.#outbox.push({
      kind: "choice",
      pair: pair.pair,
      lease: pair.lease,
      choice: inPairsOrder(pair, answer),
      key: made.key,
      response_ms: Math.round(this.age()),
    });
    this.mine += 1;
    this.#stock.count(-1);
    this.#showNext();
    this.#tell("chose", made);
  }

  /** Say why the newest answer was given; an explanation before this one is replaced. */
  explain(reasons, comment) {
    const made = { ...this.#answered.pop(), reasons, comment };
    this.#answered.push(made);
    this.#outbox.dropReasons(made.key);
    const { pair, lease } = made.pair;
    this.#outbox.push({ kind: "explain", pair, lease, key: made.key, reasons, comment });
  }

  /** Take the newest answer back and show its pair again; false where this browser knows of none. */
  undo() {
    const last = this.#answered.pop();
    if (!last) return false;
    this.#outbox.dropReasons(last.key);
    this.#outbox.push({ kind: "undo", pair: last.pair.pair, lease: last.pair.lease, key: last.key });
    this.mine = Math.max(0, this.mine - 1);
    this.#stock.count(+1);
    this.#showAgain(last.pair);
    return true;
  }

  async #showAgain(pair) {
    if (!elementsOf(pair) && !(await load(pair))) return this.startOver(); // too old: the site deals it anew
    if (this.current) this.#stock.putBack(this.current);
    this.#show(pair);
    this.#tell("undone", pair);
  }

  /** Show something where nothing stands, if there is something. */
  goOn() {
    if (!this.current) this.#show(this.#stock.take());
  }

  /** Leave the pair on the screen unanswered, for as long as this page is open. */
  setAside() {
    this.#aside.add(this.current.lease);
    this.#showNext();
  }

  /** Try once more to load the pictures of the pair on the screen. */
  async loadAgain() {
    const pair = this.current;
    if ((await load(pair)) && pair === this.current) this.#show(pair);
  }

  /** Forget what was dealt, and ask anew. */
  startOver() {
    this.#stock.clear();
    this.current = undefined;
    this.fill();
  }

  fill() {
    this.#stock.fill(this.#outbox.choices);
  }

  #showNext() {
    this.#show(this.#stock.take());
    this.fill();
  }

  #show(pair) {
    this.current = pair;
    this.#shownAt = performance.now();
    this.#tell("shown", pair);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** "left" and "right" are the screen's; the pair's own order is what is stored. */
function inPairsOrder(pair, answer) {
  if (answer === "left") return pair.left;
  if (answer === "right") return pair.left === "first" ? "second" : "first";
  return answer;
}

/** A random UUID (version 4); `crypto.randomUUID` is missing on plain http in a local network. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}
