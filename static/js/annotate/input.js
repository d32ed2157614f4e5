/* What counts as an answer: a click, a tap or a key; never a drag, a pinch, a double click or a key held down. */

const DRAG_PX = 10;
const DOUBLE_CLICK_MS = 450;
const TOO_SOON_MS = 150;

/** Call what `commandFor(event)` gives for a key, if it gives something. */
export function onKeys(commandFor) {
  document.addEventListener("keydown", (event) => {
    if (isTyping(event.target) || isScrolling(event) || document.querySelector("dialog[open]")) return;
    const command = commandFor(event);
    // a button in focus that is held down would click again and again
    if (event.repeat && (command || event.key === "Enter")) return event.preventDefault();
    if (!command) return;
    event.preventDefault();
    command();
  });
}

function isTyping(target) {
  return target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]") !== null;
}

/** An arrow moves a text in focus that has more than it shows. */
function isScrolling({ key, target }) {
  if (!target.matches("[data-prompt]")) return false;
  const [more, room] = ["ArrowUp", "ArrowDown"].includes(key)
    ? [target.scrollHeight, target.clientHeight]
    : ["ArrowLeft", "ArrowRight"].includes(key)
      ? [target.scrollWidth, target.clientWidth]
      : [0, 0];
  return more > room + 1;
}

/**
 * Call `act(button, byKeyboard)` for every click on a button that matches `selector`. `shownSince()` is the pair's age
 * in ms.
 */
export function onClicks(root, selector, shownSince, act) {
  const gesture = followGesture(root);
  root.addEventListener("click", (event) => {
    const button = event.target.closest(selector);
    if (!button) return;
    event.preventDefault();
    const byKeyboard = event.detail === 0;
    if (!byKeyboard && (gesture.isMore() || isForThePairBefore(event, button, shownSince()))) return;
    act(button, byKeyboard);
  });
}

/** The second click of a double click on an answer was meant for the pair before. */
function isForThePairBefore(event, button, age) {
  return "answer" in button.dataset && (age < TOO_SOON_MS || (event.detail > 1 && age < DOUBLE_CLICK_MS));
}

/** Whether the gesture that is ending was more than a tap: a drag, several fingers, or a scroll of the browser's. */
function followGesture(root) {
  let start;
  let more = false;
  root.addEventListener("pointerdown", (event) => {
    if (event.isPrimary) {
      start = event;
      more = false;
    } else {
      more = true;
    }
  });
  root.addEventListener("pointermove", (event) => {
    if (start && event.buttons && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > DRAG_PX) {
      more = true;
    }
  });
  root.addEventListener("pointercancel", () => {
    more = true;
  });
  return { isMore: () => more };
}
