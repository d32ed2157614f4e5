/* Pictures of pairs, loaded and decoded before they are shown, and kept for undo. */

const KEPT = 40;
const loaded = new Map(); // by lease, the oldest first

/** The two image elements of a pair, {left, right}; undefined until `load` has them. */
export function elementsOf(pair) {
  return loaded.get(pair.lease);
}

/** Load and decode both pictures, so that showing them takes no time; whether that worked. */
export async function load(pair) {
  if (loaded.has(pair.lease)) return true;
  const images = { left: element(pair, "left"), right: element(pair, "right") };
  try {
    await Promise.all([images.left.decode(), images.right.decode()]);
  } catch {
    return false;
  }
  loaded.set(pair.lease, images);
  if (loaded.size > KEPT) loaded.delete(loaded.keys().next().value);
  return true;
}

function element(pair, side) {
  const image = new Image(pair.width, pair.height);
  image.alt = "";
  image.draggable = false;
  image.src = pair.images[side];
  return image;
}
