/* Leases are kept only while someone looks and does something, and given back on leaving. */

const RENEW_MS = 60_000;
const IDLE_MS = 120_000;

/**
 * `held()` gives the ids of the leases on this page; `lapsed()` is called where they ran out while nobody looked.
 * `until` is the time by the site's clock at which those that the page came with run out.
 */
export function keepLeases(api, { leaseSeconds, until, held, lapsed }) {
  let lastInput = performance.now();
  let validUntil = lastInput + leaseSeconds * 1000;
  const inUse = () => document.visibilityState === "visible" && performance.now() - lastInput < IDLE_MS;
  const know = (time) => {
    if (Date.parse(time) > Date.parse(until)) until = time;
  };

  const renew = async () => {
    const leases = held();
    if (!inUse() || !leases.length) return;
    const asked = performance.now();
    know((await api.renew(leases)).until);
    validUntil = asked + leaseSeconds * 1000;
  };
  setInterval(() => renew().catch(() => {}), Math.min(RENEW_MS, (leaseSeconds * 1000) / 3));

  for (const type of ["pointerdown", "pointermove", "keydown"]) {
    addEventListener(type, () => (lastInput = performance.now()), { passive: true, capture: true });
  }
  addEventListener("pagehide", () => {
    // the site keeps what was shown by another page since `until`: a reload may overtake this call
    if (held().length) api.giveBack(held(), until);
  });
  addEventListener("pageshow", (event) => event.persisted && lapsed());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && performance.now() > validUntil) lapsed();
  });

  /** New leases were dealt now. */
  return {
    dealt(pairs) {
      pairs.forEach((pair) => know(pair.expires_at));
      validUntil = Math.max(validUntil, performance.now() + leaseSeconds * 1000);
    },
  };
}
