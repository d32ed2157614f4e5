/* Answers, undos and reasons on their way to the site: one queue, in order, kept until the site has each of them. */

import { Halted, Refused } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

export class Outbox extends EventTarget {
  #list;
  #send;
  #name;
  #running = false;
  #wake = () => {};

  /** `list` is a StoredList; `send` sends one entry and throws the errors of api.js. */
  constructor(list, send, name) {
    super();
    this.#list = list;
    this.#send = send;
    this.#name = name;
    addEventListener("online", () => this.#wake());
  }

  get length() {
    return this.#list.all().length;
  }

  /** How many of them are choices. */
  get choices() {
    return this.#list.all().filter((entry) => entry.kind === "choice").length;
  }

  /** Whether they would survive a reload. */
  get isKept() {
    return this.#list.isKept;
  }

  /** The leases of which something is still on its way. */
  leases() {
    return this.#list.all().map((entry) => entry.lease);
  }

  push(entry) {
    this.#list.push(entry);
    this.#tell("changed");
    this.run();
  }

  /** What explains the choice of `key` goes no more: it was explained anew, or taken back. */
  dropReasons(key) {
    this.#list.remove((entry) => entry.kind === "explain" && entry.key === key);
  }

  /** Send all there is. Only one tab does so at a time, so that the order stays. */
  async run() {
    if (this.#running) return;
    this.#running = true;
    try {
      const drain = () => this.#drain();
      // http on a local network has no locks; keys keep two tabs harmless there
      await (navigator.locks ? navigator.locks.request(this.#name, drain) : drain());
    } finally {
      this.#running = false;
    }
  }

  async #drain() {
    let wait = FIRST_WAIT_MS;
    for (let entry; (entry = this.#list.all()[0]); ) {
      try {
        await this.#send(entry);
      } catch (error) {
        if (error instanceof Halted) return this.#tell("halted", error.why);
        if (!(error instanceof Refused)) {
          this.#tell("waiting");
          await this.#pause(wait);
          wait = Math.min(2 * wait, LONGEST_WAIT_MS);
          continue;
        }
        this.#tell("refused", { entry, problem: error.problem });
      }
      wait = FIRST_WAIT_MS;
      const sent = JSON.stringify(entry);
      this.#list.remove((other) => JSON.stringify(other) === sent);
      this.#tell("changed");
      this.#tell("sent", entry);
    }
  }

  /** Wait, with some chance in it so that many browsers do not come back at once; "online" cuts it short. */
  #pause(ms) {
    return new Promise((done) => {
      const timer = setTimeout(done, ms * (0.75 + Math.random() / 2));
      this.#wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
