// Before and after in place: pressing a picture (or holding Enter on it) shows the row's first policy there until it is let
// go, so that the eye sees what moved. Without this script the pictures stand side by side all the same.

function swap(picture, show) {
  const row = picture.closest(".compare__row");
  const base = row.querySelector(".compare__picture");
  if (base === picture || !base.src) return;
  picture.dataset.own ??= picture.getAttribute("src");
  picture.setAttribute("src", show ? base.getAttribute("src") : picture.dataset.own);
  picture.closest(".compare__one").classList.toggle("compare__one--before", show);
}

function bind(name, show, test = () => true) {
  document.addEventListener(name, (event) => {
    const picture = event.target.closest?.("[data-compare] img.compare__picture");
    if (picture && test(event)) swap(picture, show);
  });
}

function focusable() {
  for (const picture of document.querySelectorAll("[data-compare] img.compare__picture")) {
    picture.tabIndex = 0;
    picture.draggable = false;
  }
}

bind("pointerdown", true);
for (const name of ["pointerup", "pointerout", "pointercancel", "focusout"]) bind(name, false);
bind("keydown", true, (event) => event.key === "Enter");
bind("keyup", false, (event) => event.key === "Enter");
document.addEventListener("htmx:after:swap", focusable);
focusable();
