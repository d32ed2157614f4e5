/* Pictures of pairs, loaded and decoded before they are shown, and kept for undo. */

const KEPT = 40;
const SLOW_MS = 20_000; // later than this it counts as not loaded, so that it holds up no other
const loaded = new Map(); // by lease, the oldest first
const loading = new Map();

/** The two image elements of a pair, {left, right}; undefined until `load` has them. */
export function elementsOf(pair) {
  return loaded.get(pair.lease);
}

/** Load and decode both pictures, so that showing them takes no time; whether that worked. */
export function load(pair) {
  if (loaded.has(pair.lease)) return Promise.resolve(true);
  if (!loading.has(pair.lease)) {
    loading.set(pair.lease, Promise.race([decoded(pair), late()]).finally(() => loading.delete(pair.lease)));
  }
  return loading.get(pair.lease);
}

async function decoded(pair) {
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

function late() {
  return new Promise((done) => setTimeout(() => done(false), SLOW_MS));
}

function element(pair, side) {
  const image = new Image(pair.width, pair.height);
  image.alt = "";
  image.draggable = false;
  image.decoding = "sync"; // a frame that shows the pair shows its pictures, whatever the browser forgot of them
  image.src = pair.images[side];
  return image;
}
