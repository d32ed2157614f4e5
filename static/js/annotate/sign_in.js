/* Signing in again in place, where the session ended during work. What waits is sent for the same person only. */

import { Refused } from "./api.js";
import { fill, words } from "./words.js";

/** Events: "back" (the same person is signed in again). */
export class SignInAgain extends EventTarget {
  #dialog = document.querySelector("[data-sign-in]");
  #api;
  #person;

  /** `person` has `user` (an id) and `signInName`. */
  constructor(api, person) {
    super();
    this.#api = api;
    this.#person = person;
    this.#dialog.querySelector("form[data-password]")?.addEventListener("submit", (event) => this.#submit(event));
    this.#dialog.querySelector("[data-check]").addEventListener("click", () => this.#check());
    document.addEventListener("visibilitychange", () => {
      if (this.#dialog.open && document.visibilityState === "visible") this.#check({ quietly: true });
    });
  }

  /** Ask for the password, `unsent` answers being kept meanwhile. */
  open(unsent) {
    if (this.#dialog.open) return;
    this.#dialog.querySelector("[data-kept]").textContent = unsent ? fill(words.signIn.kept, { n: unsent }) : "";
    this.#say("");
    this.#dialog.showModal();
  }

  /** This page is from before someone signed in: go on if it is the same person, else say so. */
  async lookAgain(unsent) {
    if (await this.#isSame()) return;
    this.open(unsent);
    await this.#check();
  }

  async #submit(event) {
    event.preventDefault();
    const password = this.#dialog.querySelector("[name=password]");
    try {
      const me = await this.#api.signIn(this.#person.signInName, password.value);
      password.value = "";
      this.#welcome(me);
    } catch (error) {
      this.#say(error instanceof Refused ? refusal(error.problem) : words.signIn.away);
      password.select();
    }
  }

  async #check({ quietly = false } = {}) {
    try {
      this.#welcome(await this.#api.me());
    } catch {
      if (!quietly) this.#say(words.signIn.notYet);
    }
  }

  async #isSame() {
    try {
      const me = await this.#api.me();
      if (me.id !== this.#person.user) return false;
      this.#welcome(me);
      return true;
    } catch {
      return false;
    }
  }

  #welcome(me) {
    if (me.id !== this.#person.user) return this.#say(fill(words.signIn.other, { name: me.name }));
    this.#api.csrfToken = me.csrf_token;
    for (const field of document.querySelectorAll("[name=csrf_token]")) field.value = me.csrf_token;
    this.#dialog.close();
    this.dispatchEvent(new Event("back"));
  }

  #say(text) {
    this.#dialog.querySelector("[data-sign-in-said]").textContent = text;
  }
}

function refusal({ status, detail, retryAfter }) {
  if (retryAfter) return fill(words.signIn.locked, { minutes: Math.ceil(retryAfter / 60) });
  return status === 401 ? words.signIn.wrong : detail;
}
