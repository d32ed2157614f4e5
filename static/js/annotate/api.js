/* The annotator's API. Every call ends in one of four ways: an answer, or one of these three errors. */

/** It did not get through, or the site has trouble: the same call may work later. */
export class TryLater extends Error {}

/** Nobody is signed in any more ("signedOut"), or the page is older than the session ("reload"). */
export class Halted extends Error {
  constructor(why) {
    super(why);
    this.why = why;
  }
}

/** The site understood and said no; the same call will never work. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

const TIMEOUT_MS = 15_000;
const LATER = new Set([408, 425, 429]);

export class Api {
  #study;
  #csrfToken;

  constructor(study, csrfToken) {
    this.#study = study;
    this.#csrfToken = csrfToken;
  }

  /** Up to `count` pairs that are on lease to me. */
  next(count) {
    return this.#call("GET", `studies/${this.#study}/next?count=${count}`);
  }

  /** Send one entry of the outbox: a choice, or an undo. */
  send(entry) {
    if (entry.kind === "undo") {
      return this.#call("DELETE", `pairs/${entry.pair}/choice?key=${entry.key}`);
    }
    const { choice, key, lease, response_ms } = entry;
    return this.#call("POST", `pairs/${entry.pair}/choice`, { choice, key, lease, response_ms });
  }

  renew(leases) {
    return this.#call("POST", "leases/renew", { leases });
  }

  /** For a page that is being left: nothing waits for the answer, and a beacon carries no header. */
  giveBack(leases) {
    const form = new URLSearchParams({ csrf_token: this.#csrfToken });
    leases.forEach((lease) => form.append("leases", lease));
    navigator.sendBeacon("/api/v1/leases/give-back", form);
  }

  async #call(method, path, body) {
    const response = await this.#fetch(method, path, body);
    if (response.ok) return response.json();
    if (response.status >= 500 || LATER.has(response.status)) throw new TryLater(response.statusText);
    const problem = await response.json().catch(() => ({ detail: response.statusText }));
    if (response.status === 401) throw new Halted("signedOut");
    if (response.status === 403 && problem.reload) throw new Halted("reload");
    throw new Refused(problem);
  }

  async #fetch(method, path, body) {
    const headers = { "X-CSRF-Token": this.#csrfToken };
    if (body) headers["Content-Type"] = "application/json";
    try {
      return await fetch(`/api/v1/${path}`, {
        method,
        headers,
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      throw new TryLater(error.message);
    }
  }
}
