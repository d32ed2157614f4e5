// Two pictures one over the other: the range says how much of the left one is seen. Without this script they stand side by
// side, and there is no range.

function cut(wipe) {
  wipe.style.setProperty("--cut", `${wipe.querySelector(".wipe__range").value}%`);
}

function cutAll() {
  document.querySelectorAll("[data-wipe]").forEach(cut);
}

/** Where a finger or mouse is on the pictures, the edge follows. */
function follow(event) {
  const pictures = event.target.closest?.(".wipe__pictures");
  if (!pictures || !(event.buttons & 1)) return;
  const box = pictures.getBoundingClientRect();
  const wipe = pictures.closest("[data-wipe]");
  wipe.querySelector(".wipe__range").value = Math.round(((event.clientX - box.left) / box.width) * 100);
  cut(wipe);
}

document.documentElement.classList.add("has-wipe");
document.addEventListener("input", (event) => {
  const wipe = event.target.closest?.("[data-wipe]");
  if (wipe) cut(wipe);
});
document.addEventListener("pointerdown", follow);
document.addEventListener("pointermove", follow);
document.addEventListener("htmx:after:swap", cutAll);
cutAll();
