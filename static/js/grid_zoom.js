// A picture of the evaluation grid in large: by click or Enter. Arrows go along rounds and prompts, Escape closes. Without
// this script a picture is a link to itself.

const dialog = document.querySelector("#zoom");
const picture = dialog.querySelector("[data-zoom-picture]");
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
let shown; // the cell of the grid that stands in the dialog

function show(cell) {
  shown = cell;
  dialog.querySelector("[data-zoom-policy]").textContent = cell.dataset.policy;
  dialog.querySelector("[data-zoom-prompt]").textContent = cell.dataset.prompt;
  picture.src = cell.href;
  picture.alt = cell.querySelector("img").alt;
  if (!dialog.open) dialog.showModal();
  fit();
  for (const button of dialog.querySelectorAll("[data-go]")) button.disabled = !beside(button.dataset.go);
}

/** As large as there is room for; a small picture at a whole multiple, so that its pixels are all alike. */
function fit() {
  const own = Number(shown.dataset.size);
  const stage = picture.parentElement;
  const room = Math.min(stage.clientWidth, stage.clientHeight);
  picture.classList.toggle("crisp", room >= own);
  picture.width = Math.min(room, own * Math.max(1, Math.floor(room / own)));
}

/** The next picture in an arrow's direction; empty places are passed over. */
function beside(arrow) {
  const [down, along] = STEPS[arrow];
  const rtl = getComputedStyle(document.documentElement).direction === "rtl" ? -1 : 1;
  const rows = [...shown.closest("tbody").rows];
  let row = rows.indexOf(shown.closest("tr"));
  let column = shown.closest("td").cellIndex;
  for (;;) {
    row += down;
    column += along * rtl;
    const place = rows[row]?.cells[column];
    if (!place || place.tagName === "TH") return undefined;
    const cell = place.querySelector("[data-cell]");
    if (cell) return cell;
  }
}

function go(arrow) {
  const next = beside(arrow);
  if (next) show(next);
}

document.addEventListener("click", (event) => {
  const cell = event.target.closest?.("[data-cell]");
  if (!cell || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  show(cell);
});
dialog.addEventListener("keydown", (event) => {
  if (!(event.key in STEPS)) return;
  event.preventDefault();
  go(event.key);
});
dialog.addEventListener("click", (event) => {
  const button = event.target.closest("[data-go]");
  if (button) go(button.dataset.go);
  else if (event.target === dialog) dialog.close();
});
dialog.addEventListener("close", () => shown?.focus());
addEventListener("resize", () => dialog.open && fit());
