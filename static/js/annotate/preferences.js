/* What this person set for themselves: kept by the site, so that it holds on every device. */

export class Preferences {
  #api;
  #values;

  constructor(api, values) {
    this.#api = api;
    this.#values = values;
  }

  get keys() {
    return this.#values.keys;
  }

  get breaks() {
    return this.#values.breaks;
  }

  get flickerMs() {
    return this.#values.flicker_ms;
  }

  /** Change some; whether the site has them. They hold on this page in any case. */
  async save(changes) {
    this.#values = { ...this.#values, ...changes };
    try {
      await this.#api.savePreferences(changes);
      return true;
    } catch {
      return false;
    }
  }
}
