/* The pair page: shows a pair, takes the answer, shows the next at once, and sends the answer behind the scenes. */

import { Answering } from "./answering.js";
import { Api } from "./api.js";
import { followFingers } from "./fingers.js";
import { Fit } from "./fit.js";
import { Flicker } from "./flicker.js";
import { onClicks, onKeys } from "./input.js";
import { Keys } from "./keys.js";
import { KeysDialog } from "./keys_dialog.js";
import { keepLeases } from "./leases.js";
import { Outbox } from "./outbox.js";
import { Pace } from "./pace.js";
import { Preferences } from "./preferences.js";
import { progressTexts } from "./progress.js";
import { Reasons } from "./reasons.js";
import { Rest } from "./rest.js";
import { SignInAgain } from "./sign_in.js";
import { Stock } from "./stock.js";
import { StoredList } from "./stored.js";
import { Swipe } from "./swipe.js";
import { View } from "./view.js";
import { fill, words } from "./words.js";
import { Zoom } from "./zoom.js";

const start = JSON.parse(document.getElementById("start").textContent);
const stored = (what) => `tastemaker:${what}:${start.user}:${start.study}`;
const stage = document.querySelector("[data-stage]");

/* the parts */

const api = new Api(start.study, document.querySelector('meta[name="csrf-token"]').content);
const outbox = new Outbox(new StoredList(stored("outbox")), (entry) => api.send(entry), stored("outbox"));
const stock = new Stock(api, (pair) => answering.isSpent(pair));
const answering = new Answering(stock, outbox, new StoredList(stored("answered")));

const preferences = new Preferences(api, start.preferences);
const keys = new Keys(preferences.keys);
const fit = new Fit(stage);
const view = new View(fit);
const zoom = new Zoom(stage, (isOn) => view.looking("zoom", isOn));
const flicker = new Flicker(stage, preferences.flickerMs, (isOn) => {
  view.looking("flicker", isOn);
  fit.refit();
});
const fingers = followFingers(stage, zoom, new Swipe(stage, { offers: (answer) => answering.offers(answer), act }));
const reasons = new Reasons(keys, (tags, comment) => answering.explain(tags, comment));
const keysDialog = new KeysDialog(keys, keysChanged);
const signIn = new SignInAgain(api, start);
const pace = new Pace(start.pace);
const rest = new Rest(`tastemaker:work:${start.user}`, start.breakAfter);

/* what someone does */

const DOES = {
  undo,
  zoom: () => zoom.toggle(),
  flicker: () => flicker.toggle(),
  help: () => view.open("help"),
  plain,
};

function act(what) {
  view.pressed(what);
  if (what in DOES) return DOES[what]();
  reasons.keep(); // a text that is still being written belongs to the answer before
  answering.choose(what);
}

function undo() {
  const known = document.getElementById("undo"); // of another visit: the site knows it
  if (!answering.undo() && known.elements.key.value) known.requestSubmit();
}

function plain() {
  zoom.reset();
  flicker.off();
}

function commandFor(event) {
  if (zoom.isOn && event.shiftKey && event.key.startsWith("Arrow")) return () => zoom.pan(event.key);
  const what = keys.meaning(event);
  return what ? () => act(what) : reasons.commandFor(event);
}

function onButton(button, byKeyboard) {
  if (button.dataset.do) return BUTTONS[button.dataset.do]();
  const isPicture = button.classList.contains("pair-picture");
  if (isPicture && flicker.isOn && !byKeyboard) return flicker.flip(); // which one was meant, nobody could tell
  act(button.dataset.answer ?? button.dataset.act);
}

async function keysChanged() {
  view.keys(keys);
  reasons.showKeys();
  if (!(await preferences.save({ keys: keys.own() }))) view.note(words.notSaved);
}

/* what happens to the pair on the screen */

answering.addEventListener("shown", ({ detail: pair }) => {
  plain();
  fingers.letGo();
  if (pair) view.pair(pair);
  else view.noPair(stock.state, stock.message);
});
answering.addEventListener("chose", ({ detail: { answer } }) => {
  const next = answering.current ? fill(words.next, { prompt: answering.current.prompt }) : "";
  view.said(`${words.chose[answer]} ${next}`);
  pace.answered();
  const minutes = rest.worked();
  if (minutes && preferences.breaks) view.rest(minutes);
  refresh();
});
answering.addEventListener("undone", ({ detail: pair }) => {
  view.said(fill(words.undone, { prompt: pair.prompt }));
  refresh();
});

function refresh() {
  const last = answering.last();
  view.last(last);
  view.canUndo(Boolean(last) || document.getElementById("undo").elements.key.value !== "");
  reasons.of(last);
  sayFinished();
  const { waiting } = stock;
  view.progress(progressTexts(start, { mine: answering.mine, waiting, minutes: pace.minutesFor(waiting) }));
}

/* what happens on the way to the site and back */

/** As much is answered as this person's invite asks for, and the site knows it. */
function sayFinished() {
  if (start.stillWanted) view.finished(answering.mine >= start.stillWanted && !outbox.length);
}

let late = false; // something could not be sent at once
function sayUnsent(isLate) {
  late = isLate && outbox.length > 0;
  view.unsent(late ? outbox.length : 0);
  view.unkept(outbox.length > 0 && !outbox.isKept);
}

function halted({ detail: why }) {
  if (why === "before") return location.reload(); // the site leads to what is to be read first
  if (why === "outdated") return signIn.lookAgain(outbox.length);
  return signIn.open(outbox.length);
}

outbox.addEventListener("changed", () => {
  sayUnsent(late);
  sayFinished();
});
outbox.addEventListener("waiting", () => sayUnsent(true));
outbox.addEventListener("sent", () => answering.fill());
outbox.addEventListener("halted", halted);
outbox.addEventListener("refused", ({ detail: { entry, problem } }) => {
  if (problem.choice) view.note(words.answered);
  else view.note(`${entry.kind === "explain" ? words.unexplained : words.refused} ${problem.detail}`);
});
stock.addEventListener("halted", halted);
signIn.addEventListener("back", () => {
  outbox.run();
  answering.fill();
});
addEventListener("beforeunload", (event) => {
  if (outbox.length && !outbox.isKept) event.preventDefault();
});

const leases = keepLeases(api, {
  leaseSeconds: start.leaseSeconds,
  until: start.until,
  held: () => answering.leases(),
  lapsed: () => answering.startOver(),
});
const fillIfSeen = () => document.visibilityState === "visible" && answering.fill();
stock.addEventListener("dealt", ({ detail: pairs }) => leases.dealt(pairs));
stock.addEventListener("due", fillIfSeen);
document.addEventListener("visibilitychange", fillIfSeen);
stock.addEventListener("changed", () => {
  answering.goOn();
  refresh();
});

/* the buttons and the keys */

const BUTTONS = {
  keys: () => keysDialog.open(),
  again: () => answering.loadAgain(),
  pass: () => (answering.offers("skip") ? act("skip") : answering.setAside()),
  rested: () => view.rest(0),
  noRests: () => {
    view.rest(0);
    preferences.save({ breaks: false });
  },
};
onClicks(document, "[data-answer], [data-act], [data-do]", () => answering.age(), onButton);
onKeys(commandFor);
view.keys(keys);
outbox.run();
stock.accept(start.dealt);
refresh();
