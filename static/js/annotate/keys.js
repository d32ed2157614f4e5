/* Which key means what: the defaults, with what this person set put over them. */

const DEFAULTS = {
  left: ["1", "ArrowLeft"],
  right: ["2", "ArrowRight"],
  tie: ["0", "ArrowDown"],
  both_bad: ["b"],
  skip: ["s"],
  undo: ["Backspace", "u"],
  zoom: ["z"],
  flicker: ["f"],
  help: ["?"],
};
const SIGNS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Backspace: "⌫", Delete: "⌦" };
// these move the focus, press what has it, close dialogs, or are half of a chord
const RESERVED = new Set(["Escape", "Tab", "Enter", " ", "Dead", "Process", "Unidentified"]);
const MODIFIERS = new Set(["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock", "NumLock", "ScrollLock", "Fn"]);

export const ACTIONS = Object.keys(DEFAULTS);

export class Keys {
  #keys;

  /** `own` has the keys of those actions that this person changed. */
  constructor(own = {}) {
    this.#keys = { ...DEFAULTS, ...Object.fromEntries(Object.entries(own).filter(([action]) => action in DEFAULTS)) };
  }

  of(action) {
    return this.#keys[action];
  }

  actionOf(key) {
    return ACTIONS.find((action) => this.#keys[action].includes(key));
  }

  add(action, key) {
    this.#keys[action] = [...this.#keys[action], key];
  }

  remove(action, key) {
    this.#keys[action] = this.#keys[action].filter((other) => other !== key);
  }

  reset() {
    this.#keys = { ...DEFAULTS };
  }

  /** What differs from the defaults: this is stored. */
  own() {
    const differs = (action) => String(this.#keys[action]) !== String(DEFAULTS[action]);
    return Object.fromEntries(ACTIONS.filter(differs).map((action) => [action, this.#keys[action]]));
  }

  /** The action that the event's key stands for. Ctrl+Z always undoes, and Escape always returns to the plain view. */
  meaning(event) {
    if (event.isComposing || event.altKey) return undefined;
    const key = keyOf(event);
    if (event.ctrlKey || event.metaKey) return key === "z" && !event.shiftKey ? "undo" : undefined;
    if (key === "Escape") return "plain";
    if (event.shiftKey && key.startsWith("Arrow")) return undefined;
    return this.actionOf(key) ?? this.actionOf(placeOf(event));
  }
}

/** The key of an event as it is kept: letters are small. */
export function keyOf(event) {
  return event.key.length === 1 ? event.key.toLowerCase() : event.key;
}

/** A key as it is shown. */
export function nameOf(key) {
  return SIGNS[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}

/** Whether a key may stand for an action; half of a chord is no key yet. */
export function isUsable(key) {
  return !RESERVED.has(key) && !MODIFIERS.has(key);
}

export function isModifier(key) {
  return MODIFIERS.has(key);
}

/** The Latin letter or digit at the key's place, where the layout has none there (Cyrillic, Greek, French digits). */
function placeOf(event) {
  const place = event.code?.match(/^(?:Key|Digit)(.)$/)?.[1].toLowerCase();
  return /^[a-z0-9]$/i.test(event.key) ? undefined : place;
}
