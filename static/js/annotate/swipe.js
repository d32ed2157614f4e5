/* A swipe towards a picture chooses it, one across means equal; what it will mean is seen before the finger lifts. */

const FAR_PX = 64;
const CLEARLY = 1.3; // how much longer the one direction is than the other
const FOLLOW = 0.35; // the pictures follow the finger by this share

export class Swipe {
  #stage;
  #offers;
  #act;
  #aim;

  /** `offers(answer)` says whether it can be given now, `act(answer)` gives it. */
  constructor(stage, { offers, act }) {
    this.#stage = stage;
    this.#offers = offers;
    this.#act = act;
  }

  /** The finger is `dx`, `dy` from where it came down. */
  move(dx, dy) {
    this.#stage.style.setProperty("--drag-x", `${dx * FOLLOW}px`);
    this.#stage.style.setProperty("--drag-y", `${dy * FOLLOW}px`);
    const aim = aimOf(dx, dy, isStacked(this.#stage));
    this.#show(aim && this.#offers(aim) ? aim : "");
  }

  /** The finger was lifted: this answers, if it was far enough. */
  end() {
    const aim = this.#aim;
    this.cancel();
    if (aim) this.#act(aim);
  }

  cancel() {
    this.#aim = undefined;
    delete this.#stage.dataset.aim;
    this.#stage.style.removeProperty("--drag-x");
    this.#stage.style.removeProperty("--drag-y");
  }

  #show(aim) {
    this.#aim = aim;
    if (this.#stage.dataset.aim !== aim) this.#stage.dataset.aim = aim;
  }
}

function aimOf(dx, dy, stacked) {
  const [along, across] = stacked ? [dy, dx] : [dx, dy];
  if (Math.abs(along) >= FAR_PX && Math.abs(along) > CLEARLY * Math.abs(across)) return along < 0 ? "left" : "right";
  if (Math.abs(across) >= FAR_PX && Math.abs(across) > CLEARLY * Math.abs(along)) return "tie";
  return undefined;
}

/** Whether the pictures stand one above the other, as on an upright phone. */
function isStacked(stage) {
  const [first, second] = stage.children;
  return second.offsetTop > first.offsetTop;
}
