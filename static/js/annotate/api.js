/* The annotator's API. Every call ends in one of four ways: an answer, or one of these three errors. */

/** It did not get through, or the site has trouble: the same call may work later. */
export class TryLater extends Error {}

/** Nothing goes on before something else has happened; `why` is a value of HALTS. */
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
// nobody is signed in; the page is from before someone signed in; guidelines or consent are to be seen first
const HALTS = { 401: "signedOut", 403: "outdated", 409: "before" };

export class Api {
  #study;

  /** `csrfToken` may be set anew: it belongs to the session. */
  constructor(study, csrfToken) {
    this.#study = study;
    this.csrfToken = csrfToken;
  }

  /** Up to `count` pairs that are on lease to me. */
  next(count) {
    return this.#call("GET", `studies/${this.#study}/next?count=${count}`);
  }

  /** Send one entry of the outbox: a choice, an undo, or what explains a choice. */
  send(entry) {
    const path = `pairs/${entry.pair}/choice`;
    if (entry.kind === "undo") return this.#call("DELETE", `${path}?key=${entry.key}`);
    if (entry.kind === "explain") {
      const { reasons, comment } = entry;
      return this.#call("PATCH", `${path}?key=${entry.key}`, { reasons, comment });
    }
    const { choice, key, lease, response_ms } = entry;
    return this.#call("POST", path, { choice, key, lease, response_ms });
  }

  renew(leases) {
    return this.#call("POST", "leases/renew", { leases });
  }

  /** For a page that is being left: nothing waits for the answer, and a beacon carries no header. */
  giveBack(leases, until) {
    const form = new URLSearchParams({ csrf_token: this.csrfToken, until });
    leases.forEach((lease) => form.append("leases", lease));
    navigator.sendBeacon("/api/v1/leases/give-back", form);
  }

  /** Who is signed in, with a token for this session. */
  me() {
    return this.#call("GET", "me");
  }

  savePreferences(preferences) {
    return this.#call("PATCH", "me", { preferences });
  }

  /** Sign in; a wrong password is `Refused`, too many tries are `Refused` with `retryAfter` in seconds. */
  async signIn(name, password) {
    const response = await this.#fetch("POST", "sign-in", { name, password });
    if (response.ok) return response.json();
    if (response.status >= 500) throw new TryLater(response.statusText);
    const retryAfter = Number(response.headers.get("Retry-After")) || undefined;
    throw new Refused({ ...(await problemOf(response)), retryAfter });
  }

  async #call(method, path, body) {
    const response = await this.#fetch(method, path, body);
    if (response.ok) return response.json();
    if (response.status >= 500 || LATER.has(response.status)) throw new TryLater(response.statusText);
    const problem = await problemOf(response);
    if (response.status === 401 || problem.reload) throw new Halted(HALTS[response.status] ?? "outdated");
    throw new Refused(problem);
  }

  async #fetch(method, path, body) {
    const headers = { "X-CSRF-Token": this.csrfToken };
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

function problemOf(response) {
  return response.json().catch(() => ({ detail: response.statusText }));
}
