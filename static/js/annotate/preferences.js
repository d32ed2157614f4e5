/* What this person set for themselves: kept by the site, so that it holds on every device. */

export class Preferences {
  #api;
  #values;
  #saved = Promise.resolve();

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

  /** Change some; whether the site has them. They hold on this page in any case. One is sent after the other, or the
      site might keep the older of two. */
  save(changes) {
    this.#values = { ...this.#values, ...changes };
    const sent = this.#saved.then(() => this.#api.savePreferences(changes));
    this.#saved = sent.then(() => true, () => false);
    return this.#saved;
  }
}
