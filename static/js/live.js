// Keeps a round's page alive. The event stream (htmx's sse extension, on #live) sends changed parts. While nothing has been
// heard from it for a while, every part that can still change is told to `poll` instead, and the stream is tried again.

const QUIET_MS = 25_000; // the stream says something at least every 10 s
const POLL_MS = 5_000;

let heard = Date.now();
let over = false;

const listen = (name, act) => document.addEventListener(name, act);

function down() {
  heard = 0;
}

function alive() {
  heard = Date.now();
  document.body.dataset.live = "stream";
}

function tick() {
  if (over || document.hidden || Date.now() - heard < QUIET_MS) return;
  document.body.dataset.live = "poll";
  document.getElementById("live")?.dispatchEvent(new CustomEvent("reconnect"));
  for (const part of document.querySelectorAll("[hx-trigger^=poll]")) part.dispatchEvent(new CustomEvent("poll"));
}

listen("htmx:sse:after:connection", alive);
listen("htmx:sse:before:message", alive);
listen("htmx:sse:error", down);
listen("htmx:error", (event) => {
  if (event.target.id === "live") down();
});
listen("htmx:sse:close", (event) => {
  if (event.detail.reason === "message") over = true;
  else down();
});

setInterval(tick, POLL_MS);
