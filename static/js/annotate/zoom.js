/* Looking closer: both pictures are enlarged and moved together, each inside its own half of the stage. */

const MOST = 64; // times the unzoomed size
const TWICE = 2;
const PAN_PX = 80;
const WHEEL = 0.002; // e-folds of the scale for each pixel of the wheel's way

export class Zoom {
  #stage;
  #changed;
  #scale = 1;
  #x = 0; // of a picture's centre from the centre of its half, in CSS pixels
  #y = 0;
  #pointer;

  /** `changed(isOn)` is called when it begins and when it ends. */
  constructor(stage, changed) {
    this.#stage = stage;
    this.#changed = changed;
    stage.addEventListener("pointermove", (event) => (this.#pointer = event), { passive: true });
    stage.addEventListener("pointerleave", () => (this.#pointer = undefined));
    stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  get isOn() {
    return this.#scale > 1;
  }

  get scale() {
    return this.#scale;
  }

  /** About twice as large around the pointer, at whole pixels of the screen; or back. */
  toggle() {
    if (this.isOn) return this.reset();
    const image = this.#stage.querySelector("img");
    if (!image) return;
    const unit = magnification(image) * devicePixelRatio;
    const at = this.#pointer ?? centreOf(this.#stage.firstElementChild.getBoundingClientRect());
    this.grab(at)(at, Math.max(Math.round(unit * TWICE), 1) / unit);
  }

  /** Hold the point of the picture under `at` (a place of the window): the function returned puts it elsewhere. */
  grab(at) {
    const half = this.#halfAt(at);
    const from = centreOf(half.querySelector("img").getBoundingClientRect());
    const [x, y] = [(at.clientX - from.clientX) / this.#scale, (at.clientY - from.clientY) / this.#scale];
    const centre = centreOf(half.getBoundingClientRect());
    return (to, scale = this.#scale) => {
      const bounded = Math.min(scale, MOST);
      this.#set(bounded, to.clientX - centre.clientX - bounded * x, to.clientY - centre.clientY - bounded * y);
    };
  }

  /** Move what is seen towards an arrow key's side. */
  pan(arrow) {
    const [dx, dy] = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[arrow];
    this.#set(this.#scale, this.#x + dx * PAN_PX, this.#y + dy * PAN_PX);
  }

  reset() {
    if (this.isOn) this.#set(1, 0, 0);
  }

  #wheel(event) {
    if (!this.#stage.querySelector("img") || !(event.ctrlKey || this.isOn)) return;
    event.preventDefault();
    if (event.ctrlKey) this.grab(event)(event, this.#scale * Math.exp(-event.deltaY * WHEEL));
    else this.#set(this.#scale, this.#x - event.deltaX, this.#y - event.deltaY);
  }

  #set(scale, x, y) {
    const was = this.isOn;
    this.#scale = scale < 1.01 ? 1 : scale;
    this.#stage.classList.toggle("is-zoomed", this.isOn);
    const image = this.#stage.querySelector("img");
    this.#x = within(x, image.offsetWidth * scale - image.parentElement.clientWidth);
    this.#y = within(y, image.offsetHeight * scale - image.parentElement.clientHeight);
    this.#stage.classList.toggle("is-closer", this.isOn && magnification(image) * scale > 1);
    for (const each of this.#stage.querySelectorAll("img")) {
      each.style.transform = this.isOn ? `translate(${this.#x}px, ${this.#y}px) scale(${scale})` : "";
    }
    if (was !== this.isOn) this.#changed(this.isOn);
  }

  /** The picture's button under a place, or the first. */
  #halfAt({ clientX, clientY }) {
    const halves = [...this.#stage.children];
    const over = halves.find((half) => {
      const box = half.getBoundingClientRect();
      return clientX >= box.left && clientX < box.right && clientY >= box.top && clientY < box.bottom;
    });
    return over ?? halves[0];
  }
}

/** CSS pixels for each pixel of the picture, unzoomed. */
function magnification(image) {
  return image.offsetWidth / Number(image.getAttribute("width"));
}

function centreOf(box) {
  return { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
}

/** `offset`, so that no gap opens on one side while the other is cut: a picture that fits stays in the middle. */
function within(offset, surplus) {
  const most = Math.max(0, surplus / 2);
  return Math.max(-most, Math.min(most, offset));
}
