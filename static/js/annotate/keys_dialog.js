/* Changing the keys: each action has a row with its keys, which can be removed, and one that waits for a new one. */

import { ACTIONS, isModifier, isUsable, keyOf, nameOf } from "./keys.js";
import { fill, words } from "./words.js";

export class KeysDialog {
  #dialog = document.querySelector("[data-keys-dialog]");
  #keys;
  #changed;
  #waiting; // the action that gets the next key

  /** `changed()` is called after each change of `keys`. */
  constructor(keys, changed) {
    this.#keys = keys;
    this.#changed = changed;
    this.#dialog.addEventListener("click", (event) => this.#click(event.target.closest("button")));
    this.#dialog.addEventListener("keydown", (event) => this.#waiting && this.#take(event));
    this.#dialog.addEventListener("close", () => (this.#waiting = undefined));
  }

  open() {
    this.#say("");
    this.#draw();
    this.#dialog.showModal();
  }

  #click(button) {
    if (!button) return;
    const { add, remove, pressed: key } = button.dataset;
    if (add) {
      this.#waiting = add;
      this.#say(fill(words.keys.press, { action: words.actions[add] }));
      this.#draw();
      this.#focusOn(add);
    } else if (remove) {
      this.#keys.remove(remove, key);
      this.#done(fill(words.keys.removed, { key: nameOf(key), action: words.actions[remove] }), remove);
    } else if ("reset" in button.dataset) {
      this.#keys.reset();
      this.#done(words.keys.isReset);
    }
  }

  #take(event) {
    const key = keyOf(event);
    if (isModifier(key)) return;
    event.preventDefault();
    const action = this.#waiting;
    const taken = this.#keys.actionOf(key);
    if (key === "Escape") this.#done(words.keys.unchanged, action, false);
    else if (!isUsable(key)) this.#say(fill(words.keys.reserved, { key: nameOf(key) }));
    else if (taken === action) this.#done(words.keys.unchanged, action, false);
    else if (taken) this.#say(fill(words.keys.taken, { key: nameOf(key), action: words.actions[taken] }));
    else {
      this.#keys.add(action, key);
      this.#done(fill(words.keys.added, { key: nameOf(key), action: words.actions[action] }), action);
    }
  }

  #done(text, action, isChanged = true) {
    this.#waiting = undefined;
    this.#say(text);
    this.#draw();
    this.#focusOn(action);
    if (isChanged) this.#changed();
  }

  #focusOn(action) {
    this.#dialog.querySelector(action ? `[data-add=${action}]` : "[data-reset]").focus();
  }

  #say(text) {
    this.#dialog.querySelector("[data-keys-said]").textContent = text;
  }

  #draw() {
    this.#dialog.querySelector("[data-keys-rows]").replaceChildren(...ACTIONS.map((action) => this.#row(action)));
  }

  #row(action) {
    const row = make("div", { className: "keys-row" });
    const keys = this.#keys.of(action).map((key) => keyButton(action, key));
    const label = fill(words.keys.add, { action: words.actions[action] });
    const add = make("button", { className: "keys-add", type: "button", textContent: "+", ariaLabel: label });
    add.dataset.add = action;
    add.classList.toggle("is-waiting", action === this.#waiting);
    row.append(make("span", { className: "keys-row__action", textContent: words.actions[action] }), ...keys, add);
    return row;
  }
}

function keyButton(action, key) {
  const label = fill(words.keys.remove, { key: nameOf(key), action: words.actions[action] });
  const button = make("button", { className: "keys-key", type: "button", ariaLabel: label });
  Object.assign(button.dataset, { remove: action, pressed: key });
  button.append(make("kbd", { textContent: nameOf(key) }), make("span", { textContent: "×", ariaHidden: "true" }));
  return button;
}

function make(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
