/* The pair page: shows a pair, takes the answer, shows the next at once, and sends the answer behind the scenes. */

import { Api } from "./api.js";
import { keepFitting } from "./fit.js";
import { onClicks, onKeys } from "./input.js";
import { keepLeases } from "./leases.js";
import { Outbox } from "./outbox.js";
import { load } from "./pictures.js";
import { Stock } from "./stock.js";
import { StoredList } from "./stored.js";
import { View, fill } from "./view.js";

const UNDO_STEPS = 30;

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const { user, study, leaseSeconds, dealt } = read("start");
const words = read("words");
const name = (what) => `tastemaker:${what}:${user}:${study}`;

const api = new Api(study, document.querySelector('meta[name="csrf-token"]').content);
const view = new View(words);
const outbox = new Outbox(new StoredList(name("outbox")), (entry) => api.send(entry), name("outbox"));
const answered = new StoredList(name("answered")); // {pair, key, answer}: what undo walks back through
const stock = new Stock(api, isSpent);

let current; // the pair on the screen
let shownAt = 0;
let mine = 0; // answers since the page was opened

function isSpent({ lease }) {
  const spent = [...outbox.leases(), ...answered.all().map((made) => made.pair.lease)];
  return lease === current?.lease || spent.includes(lease);
}

function show(pair) {
  current = pair;
  if (pair) {
    view.pair(pair);
    shownAt = performance.now();
  } else {
    view.noPair(stock.state);
  }
}

function showNext() {
  show(stock.take());
  if (current) view.said(fill(words.next, { prompt: current.prompt }));
  stock.fill(outbox.length);
}

function choose(answer) {
  if (!current || !offers(current, answer)) return;
  const pair = current;
  const key = newKey();
  answered.push({ pair, key, answer }, UNDO_STEPS);
  outbox.push({
    kind: "choice",
    pair: pair.pair,
    lease: pair.lease,
    choice: inPairsOrder(pair, answer),
    key,
    response_ms: Math.round(performance.now() - shownAt),
  });
  mine += 1;
  stock.count(-1);
  showNext();
  refresh();
}

async function undo() {
  const last = answered.pop();
  if (!last) return document.getElementById("undo").requestSubmit(); // one of another visit: the site knows it
  outbox.push({ kind: "undo", pair: last.pair.pair, lease: last.pair.lease, key: last.key });
  mine = Math.max(0, mine - 1);
  stock.count(+1);
  refresh();
  if (!(await load(last.pair))) return startOver(); // too old to be shown from here: the site deals it anew
  if (current) stock.putBack(current);
  show(last.pair);
  return view.said(fill(words.undone, { prompt: last.pair.prompt }));
}

function refresh() {
  const [last] = answered.all().slice(-1);
  view.last(last);
  view.canUndo(last || document.querySelector("#undo [name=key]").value);
  view.progress(mine, stock.waiting);
}

function act(what) {
  view.pressed(what);
  if (what === "undo") undo();
  else if (what === "help") view.help();
  else choose(what);
}

/** "left" and "right" are the screen's; the pair's own order is what is stored. */
function inPairsOrder(pair, answer) {
  if (answer === "left") return pair.left;
  if (answer === "right") return pair.left === "first" ? "second" : "first";
  return answer;
}

function offers(pair, answer) {
  return pair.answers.includes(inPairsOrder(pair, answer));
}

/** A random UUID (version 4); `crypto.randomUUID` is missing on plain http in a local network. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

function startOver() {
  stock.clear();
  current = undefined;
  stock.fill(outbox.length);
}

let late = false; // something could not be sent at once
function sayUnsent(isLate) {
  late = isLate && outbox.length > 0;
  view.unsent(late ? outbox.length : 0);
}

outbox.addEventListener("changed", () => sayUnsent(late));
outbox.addEventListener("waiting", () => sayUnsent(true));
outbox.addEventListener("sent", () => stock.fill(outbox.length));
for (const part of [outbox, stock]) part.addEventListener("halted", ({ detail }) => view.note(words[detail]));
outbox.addEventListener("refused", ({ detail: { problem } }) => {
  view.note(problem.choice ? words.answered : `${words.refused} ${problem.detail}`);
});

const leases = keepLeases(api, {
  leaseSeconds,
  held: () => [...(current ? [current.lease] : []), ...stock.leases()],
  lapsed: startOver,
});

const fillIfSeen = () => document.visibilityState === "visible" && stock.fill(outbox.length);
stock.addEventListener("due", fillIfSeen);
document.addEventListener("visibilitychange", fillIfSeen);
stock.addEventListener("changed", () => {
  leases.dealt();
  if (!current) show(stock.take());
  refresh();
});

const age = () => performance.now() - shownAt;
onClicks(document, "[data-answer], [data-undo]", age, (button) => act(button.dataset.answer ?? "undo"));
onKeys(act);
keepFitting(view.stage);
outbox.run();
stock.accept(dealt);
refresh();
