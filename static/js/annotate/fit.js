/* A tiny picture is shown at a whole multiple of its pixels, so that it is large and crisp; others just fill the room. */

const TINY = 256;

/** Set the size of both pictures of `stage`, as it is now. */
export function fit(stage) {
  for (const button of stage.children) {
    const image = button.querySelector("img");
    if (image) fitOne(image, room(button));
  }
}

/** Fit now, and whenever the window or the zoom changes. */
export function keepFitting(stage) {
  new ResizeObserver(() => fit(stage)).observe(stage);
}

function room(button) {
  const style = getComputedStyle(button);
  const inline = parseFloat(style.paddingInlineStart) + parseFloat(style.paddingInlineEnd);
  const block = parseFloat(style.paddingBlockStart) + parseFloat(style.paddingBlockEnd);
  return { width: button.clientWidth - inline, height: button.clientHeight - block };
}

function fitOne(image, { width, height }) {
  const natural = { width: Number(image.getAttribute("width")), height: Number(image.getAttribute("height")) };
  const scale = Math.min(width / natural.width, height / natural.height);
  const enlarged = Math.max(natural.width, natural.height) <= TINY && scale >= 2;
  image.classList.toggle("is-enlarged", enlarged);
  // whole in the screen's own pixels, which a phone has several of to one of CSS
  const factor = Math.floor(scale * devicePixelRatio) / devicePixelRatio;
  image.style.inlineSize = enlarged ? `${natural.width * factor}px` : "";
  image.style.blockSize = enlarged ? `${natural.height * factor}px` : "";
}
