/* Small pictures of the thank-you are enlarged by whole pixels of the screen, as those that were judged were. */

import { crisp } from "./annotate/fit.js";

const watcher = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) fit(target.querySelector("img"), contentRect.width);
});
for (const image of document.querySelectorAll("[data-crisp]")) watcher.observe(image.parentElement);

function fit(image, room) {
  const width = Number(image.getAttribute("width"));
  image.style.inlineSize = `${width * crisp(room / width)}px`;
}
