/* Flicker: one picture lies over the other at the same place, and they alternate, so that the eye sees what differs. */

const LEAST_MS = 170; // three flashes a second are the most that is safe for everyone, and two changes make a flash

export class Flicker {
  #stage;
  #eachMs;
  #changed;
  #timer;

  /** Each picture is shown for `eachMs`; `changed(isOn)` is called when flicker begins and when it ends. */
  constructor(stage, eachMs, changed) {
    this.#stage = stage;
    this.#eachMs = Math.max(eachMs, LEAST_MS);
    this.#changed = changed;
  }

  get isOn() {
    return "shown" in this.#stage.dataset;
  }

  /** Begin or end. Where less motion is wanted it does not alternate by itself: left, then right, then the end. */
  toggle() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!this.isOn) this.#begin(still);
    else if (still && this.#stage.dataset.shown === "left") this.flip();
    else this.off();
  }

  /** Show the other one, and from now on only by hand. */
  flip() {
    clearInterval(this.#timer);
    this.#alternate();
  }

  off() {
    if (!this.isOn) return;
    clearInterval(this.#timer);
    delete this.#stage.dataset.shown;
    this.#changed(false);
  }

  #begin(still) {
    if (!this.#stage.querySelector("img")) return;
    this.#stage.dataset.shown = "left";
    if (!still) this.#timer = setInterval(() => this.#alternate(), this.#eachMs);
    this.#changed(true);
  }

  #alternate() {
    this.#stage.dataset.shown = this.#stage.dataset.shown === "left" ? "right" : "left";
  }
}
