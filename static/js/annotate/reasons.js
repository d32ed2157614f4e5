/* Why the last answer was given: tags and a line of text beside the pictures that are next. It never holds those up. */

import { nameOf } from "./keys.js";
import { words } from "./words.js";

const TAG_KEYS = ["3", "4", "5", "6", "7", "8", "9"];
const COMMENT_KEY = "c";

export class Reasons {
  #form = document.querySelector("[data-why]");
  #tags = [...document.querySelectorAll("[data-why] [name=reasons]")];
  #comment = document.querySelector("[data-why] [name=comment]");
  #keys;
  #explain;
  #last;

  /** `explain(reasons, comment)` is called with what is set now, at each change. */
  constructor(keys, explain) {
    this.#keys = keys;
    this.#explain = explain;
    this.#form?.addEventListener("change", () => this.keep());
    this.#form?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#comment?.blur(); // Enter in the text: done, and the keys answer again
    });
    this.#comment?.addEventListener("keydown", (event) => event.key === "Escape" && this.#comment.blur());
    this.showKeys();
  }

  /** Ask about this answer; undefined: there is none. */
  of(last) {
    if (!this.#form) return;
    this.#form.classList.toggle("is-empty", !last);
    if (!last || last.key === this.#last?.key) return;
    this.#last = last;
    this.#form.querySelector("[data-why-ask]").textContent = words.why[last.answer];
    for (const tag of this.#tags) tag.checked = last.reasons.includes(tag.value);
    if (this.#comment) this.#comment.value = last.comment;
  }

  /** Pass on what is set, where that differs from what was. */
  keep() {
    if (!this.#form || !this.#last) return;
    const reasons = this.#tags.filter((tag) => tag.checked).map((tag) => tag.value);
    const comment = this.#comment?.value.trim() ?? "";
    if (String(reasons) === String(this.#last.reasons) && comment === this.#last.comment) return;
    Object.assign(this.#last, { reasons, comment });
    this.#explain(reasons, comment);
  }

  /** What a key does here: it sets a tag, or leads to the text. */
  commandFor(event) {
    if (!this.#last || this.#form.classList.contains("is-empty")) return undefined;
    if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
    const tag = this.#tags[this.#tagKeys().indexOf(event.key)];
    if (tag) return () => tag.click();
    if (this.#comment && event.key === COMMENT_KEY && !this.#keys.actionOf(COMMENT_KEY)) {
      return () => this.#comment.focus();
    }
    return undefined;
  }

  /** Show the tags' keys: those that nothing else has. */
  showKeys() {
    const keys = this.#tagKeys();
    this.#tags.forEach((tag, number) => {
      const shown = tag.closest("label").querySelector("kbd");
      shown.textContent = keys[number] ? nameOf(keys[number]) : "";
      shown.hidden = !keys[number];
    });
  }

  #tagKeys() {
    return TAG_KEYS.filter((key) => !this.#keys.actionOf(key));
  }
}
