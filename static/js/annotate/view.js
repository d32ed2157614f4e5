/* What the page shows; it decides nothing. */

import { nameOf } from "./keys.js";
import { elementsOf } from "./pictures.js";
import { fill, words } from "./words.js";

const SIDES = ["left", "right"];

export class View {
  #page = document.querySelector("[data-pair-page]");
  #fit;
  // looked up once: showing a pair must take no time
  #halves = Object.fromEntries(SIDES.map((side) => [side, this.#one(`.pair-picture[data-answer=${side}]`)]));
  #answers = [...this.#all("[data-bar] [data-answer]")];
  #prompt = this.#one("[data-prompt]");
  #note = this.#one("[data-note]");
  #isPromptMoved = false;

  /** `fit` sets the size of a picture. */
  constructor(fit) {
    this.#fit = fit;
    for (const element of this.#all("[data-script]")) element.hidden = false;
    this.#prompt.addEventListener("scroll", () => (this.#isPromptMoved = true), { passive: true });
  }

  /** Show a pair whose pictures are ready, or say that they did not come. */
  pair(pair) {
    const images = elementsOf(pair);
    this.#hasPair(true, images ? pair.answers : pair.answers.filter((answer) => answer === "skip"));
    for (const side of SIDES) {
      if (images) this.#fit.fit(images[side]);
      this.#halves[side].replaceChildren(...(images ? [images[side]] : []));
    }
    this.#show("[data-broken]", !images);
    this.#show("[data-warm-up]", Boolean(pair.warm_up));
    if (this.#prompt.textContent !== pair.prompt) this.#setPrompt(pair.prompt);
    if (!this.#note.hidden) this.#note.hidden = true;
  }

  /** Show why there is no pair, in the site's own words for this person if there are any. */
  noPair(state, message) {
    this.#hasPair(false, []);
    this.#show("[data-broken]", false);
    this.#show("[data-warm-up]", false);
    for (const section of this.#all("[data-state]")) section.hidden = section.dataset.state !== state;
    if (message) this.#one("[data-state=stopped] [data-message]").textContent = message;
  }

  /** The last pair, small, in the undo button, with the chosen side outlined; none: nothing to undo. */
  last(answered) {
    const box = this.#one("[data-last]");
    if (box.dataset.key === answered?.key) return;
    box.dataset.key = answered?.key ?? "";
    box.dataset.chose = answered?.answer ?? "";
    box.replaceChildren(...(answered ? SIDES.map((side) => thumbnail(answered, side)) : []));
  }

  canUndo(possible) {
    this.#one("[data-undo]").disabled = !possible;
  }

  /** Texts of the header; an empty one is not shown. */
  progress(texts) {
    for (const [name, text] of Object.entries(texts)) this.#say(`[data-${name}]`, text);
  }

  /** How many answers are not sent yet; 0 says nothing. */
  unsent(n) {
    this.#say("[data-unsent]", n ? fill(words.unsent, { n }) : "");
  }

  /** The browser keeps nothing: what is not sent yet would be lost with the page. */
  unkept(isSo) {
    this.#show("[data-unkept]", isSo);
  }

  /** Say that so many minutes of work are a good time for a break; 0 says nothing. */
  rest(minutes) {
    this.#say("[data-rest-text]", minutes ? fill(words.rest, { n: minutes }) : "");
    this.#show("[data-rest]", minutes > 0);
  }

  /** Whether as much is answered as this person's invite asks for. */
  finished(isSo) {
    this.#show("[data-finished]", isSo);
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
    const button = this.#one(`.pair-bar [data-answer=${name}], .pair-bar [data-act=${name}]`);
    button?.classList.add("is-pressed");
    setTimeout(() => button?.classList.remove("is-pressed"), 150);
  }

  /** Whether a way of looking (zoom, flicker) is on. */
  looking(name, isOn) {
    this.#one(`[data-act=${name}]`).ariaPressed = String(isOn);
  }

  /** Show which keys stand for what, on the buttons and in the help. */
  keys(keys) {
    for (const shown of this.#all("kbd[data-key]")) {
      shown.textContent = nameOf(keys.of(shown.dataset.key)[0] ?? "");
    }
    for (const list of this.#all("[data-keys]")) {
      const names = keys.of(list.dataset.keys).map(nameOf);
      list.replaceChildren(...[...names, ...(list.dataset.keys === "undo" ? ["Ctrl Z"] : [])].flatMap(keyAndSpace));
    }
  }

  open(dialog) {
    this.#one(`[data-${dialog}]`).showModal();
  }

  /** A long prompt is set smaller; what has no room even so is scrolled, by keyboard too. */
  #setPrompt(prompt) {
    const isLong = prompt.length > Number(this.#prompt.dataset.long);
    this.#prompt.textContent = prompt;
    this.#prompt.classList.toggle("is-long", isLong);
    if (isLong) this.#prompt.tabIndex = 0;
    else this.#prompt.removeAttribute("tabindex");
    // to move it takes a layout: only where someone has moved it
    if (this.#isPromptMoved) this.#prompt.scrollTo(0, 0);
    this.#isPromptMoved = false;
  }

  #hasPair(has, answers) {
    this.#show("[data-answers]", has);
    this.#show("[data-states]", !has);
    this.#show("[data-prompt]", has);
    for (const button of this.#answers) {
      const { answer } = button.dataset;
      const offered = answers.includes(SIDES.includes(answer) ? "first" : answer);
      if (button.hidden === offered) button.hidden = !offered;
    }
  }

  #show(selector, isShown) {
    const element = this.#one(selector);
    if (element.hidden === isShown) element.hidden = !isShown;
  }

  #say(selector, text) {
    const element = this.#one(selector);
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

function keyAndSpace(name) {
  return [Object.assign(document.createElement("kbd"), { textContent: name }), " "];
}

function thumbnail(answered, side) {
  const image = new Image();
  image.alt = "";
  image.src = answered.pair.images[side];
  image.classList.toggle("is-chosen", answered.answer === side || answered.answer === "tie");
  return image;
}
