/* What the page shows; it decides nothing. */

import { fit } from "./fit.js";
import { elementsOf } from "./pictures.js";

export class View {
  #page = document.querySelector("[data-pair-page]");
  #words;

  constructor(words) {
    this.#words = words;
    this.stage = this.#one("[data-stage]");
    this.#one("[data-help-open]").hidden = false;
    this.#one("[data-help-open]").addEventListener("click", () => this.help());
  }

  /** Show a pair whose pictures are ready. */
  pair(pair) {
    this.#hasPair(true, pair.answers);
    for (const side of ["left", "right"]) {
      this.#one(`.pair-picture[data-answer=${side}]`).replaceChildren(elementsOf(pair)[side]);
    }
    fit(this.stage);
    this.#one("[data-prompt]").textContent = pair.prompt;
    this.#one("[data-note]").hidden = true;
  }

  /** Show why there is no pair. */
  noPair(state) {
    this.#hasPair(false, []);
    for (const section of this.#all("[data-state]")) section.hidden = section.dataset.state !== state;
  }

  /** The last pair, small, in the undo button, with the chosen side outlined; none: nothing to undo. */
  last(answered) {
    const box = this.#one("[data-last]");
    if (box.dataset.key === answered?.key) return;
    box.dataset.key = answered?.key ?? "";
    box.replaceChildren(...(answered ? ["left", "right"].map((side) => thumbnail(answered, side)) : []));
  }

  canUndo(possible) {
    this.#one("[data-undo]").disabled = !possible;
  }

  progress(mine, waiting) {
    this.#say("[data-mine]", mine ? fill(this.#words.mine, { n: mine }) : "");
    this.#say("[data-waiting]", waiting ? fill(this.#words.waiting, { n: waiting }) : "");
  }

  /** How many answers are not sent yet; 0 says nothing. */
  unsent(n) {
    this.#say("[data-unsent]", n ? fill(this.#words.unsent, { n }) : "", document);
  }

  note(text) {
    this.#say("[data-note]", text);
  }

  /** For who hears the page. */
  said(text) {
    this.#one("[data-said]").textContent = text;
  }

  /** Show a key as pressed for a moment, as a click shows by itself. */
  pressed(name) {
    const button = this.#one(`.pair-bar [data-answer=${name}], .pair-bar [data-${name}]`);
    button?.classList.add("is-pressed");
    setTimeout(() => button?.classList.remove("is-pressed"), 150);
  }

  help() {
    this.#one("[data-help]").showModal();
  }

  #hasPair(has, answers) {
    this.#one("[data-answers]").hidden = !has;
    this.#one("[data-states]").hidden = has;
    this.#one("[data-prompt]").hidden = !has;
    for (const button of this.#all("[data-bar] [data-answer]")) {
      const side = ["left", "right"].includes(button.dataset.answer);
      button.hidden = !(side ? has : answers.includes(button.dataset.answer));
    }
  }

  #say(selector, text) {
    const element = document.querySelector(selector);
    if (element.textContent !== text) element.textContent = text;
    element.hidden = !text;
  }

  #one(selector) {
    return this.#page.querySelector(selector);
  }

  #all(selector) {
    return this.#page.querySelectorAll(selector);
  }
}

/** `fill("Not sent yet: {n}.", {n: 3})` */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function thumbnail(answered, side) {
  const image = new Image();
  image.alt = "";
  image.src = answered.pair.images[side];
  image.classList.toggle("is-chosen", answered.answer === side);
  return image;
}
