/* What fingers and the mouse do on the stage: two fingers zoom; one moves what is zoomed, or swipes. */

const SWIPE_PX = 12;

export function followFingers(stage, zoom, swipe) {
  const down = new Map(); // by pointer: where it is now
  let follow; // what a move of a pointer does
  let lift; // what the last one's lifting does

  const begin = () => {
    swipe.cancel();
    lift = undefined;
    follow = undefined;
    const [one, two] = down.values();
    if (two && stage.querySelector("img")) follow = pinch(zoom, one, two);
    else if (zoom.isOn) follow = pan(zoom, one);
    else if (one.pointerType !== "mouse") {
      follow = ({ dx, dy }) => Math.hypot(dx, dy) > SWIPE_PX && swipe.move(dx, dy);
      lift = () => swipe.end();
    }
  };

  const end = (event) => {
    if (!down.delete(event.pointerId)) return;
    const act = down.size === 0 && event.type === "pointerup" ? lift : () => swipe.cancel();
    follow = undefined; // a finger that stays after a pinch does nothing more
    lift = undefined;
    act?.();
  };

  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    down.set(event.pointerId, placeOf(event, event));
    if (down.size <= 2) begin();
  });
  addEventListener("pointermove", (event) => {
    const place = down.get(event.pointerId);
    if (!place) return;
    if (!event.buttons) return end(event); // it was let go outside the window
    Object.assign(place, placeOf(event, place));
    follow?.(place);
  });
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);

  /** For a new pair: what the fingers began was meant for the pair before. */
  return {
    letGo() {
      follow = undefined;
      lift = undefined;
      swipe.cancel();
    },
  };
}

function placeOf({ clientX, clientY, pointerType }, start) {
  const [startX, startY] = [start.startX ?? clientX, start.startY ?? clientY];
  return { clientX, clientY, pointerType, startX, startY, dx: clientX - startX, dy: clientY - startY };
}

function pan(zoom, at) {
  const put = zoom.grab(at);
  return (place) => put(place);
}

function pinch(zoom, one, two) {
  const put = zoom.grab(between(one, two));
  const [scale, apart] = [zoom.scale, distance(one, two)];
  return () => put(between(one, two), (scale * distance(one, two)) / apart);
}

function between(one, two) {
  return { clientX: (one.clientX + two.clientX) / 2, clientY: (one.clientY + two.clientY) / 2 };
}

function distance(one, two) {
  return Math.max(1, Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY));
}
