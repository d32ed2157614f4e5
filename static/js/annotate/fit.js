/* How large the pictures of the stage are: whole, equal, as large as the room allows, and never blurred.

A picture that is larger than its room is scaled down. A smaller one is enlarged by the largest whole number of the
screen's own pixels for each of its own, so that every one of them stays crisp.
*/

/** Keeps both pictures of a stage fitted, whenever the window, the words above or the pair change. */
export class Fit {
  #stage;
  #room;

  constructor(stage) {
    this.#stage = stage;
    new ResizeObserver(() => this.refit()).observe(stage);
  }

  /** Measure the room anew and fit what stands there. */
  refit() {
    this.#room = roomOf(this.#stage.firstElementChild);
    for (const image of this.#stage.querySelectorAll("img")) this.fit(image);
  }

  /** Fit one picture, on the stage or on its way to it, by the room as it was measured last: no layout is asked for. */
  fit(image) {
    this.#room ??= roomOf(this.#stage.firstElementChild);
    const [width, height] = [Number(image.getAttribute("width")), Number(image.getAttribute("height"))];
    const scale = crisp(Math.min(this.#room.width / width, this.#room.height / height));
    image.classList.add("is-fitted");
    image.classList.toggle("is-enlarged", scale > 1);
    image.style.inlineSize = `${width * scale}px`;
    image.style.blockSize = `${height * scale}px`;
  }
}

/** `scale`, or the largest one below it that enlarges by whole pixels of the screen. */
export function crisp(scale) {
  return scale < 1 ? scale : Math.floor(scale * devicePixelRatio) / devicePixelRatio;
}

function roomOf(button) {
  const style = getComputedStyle(button);
  const inline = parseFloat(style.paddingInlineStart) + parseFloat(style.paddingInlineEnd);
  const block = parseFloat(style.paddingBlockStart) + parseFloat(style.paddingBlockEnd);
  return { width: button.clientWidth - inline, height: button.clientHeight - block };
}
