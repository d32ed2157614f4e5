/* The header's figures: what was done today, for how many days in a row, and what is left for how long. */

import { fill, words } from "./words.js";

/** `today`, `goal` and `streak` are the site's, from when the page was opened; `mine` counts what came since. */
export function progressTexts({ today, goal, streak }, { mine, waiting, minutes }) {
  return {
    mine: doneText(today, goal, mine),
    streak: streak > 1 ? fill(words.streak, { n: streak }) : "",
    waiting: waiting ? fill(words.waiting, { n: waiting }) : "",
    time: waiting && minutes ? timeText(minutes) : "",
  };
}

function doneText(today, goal, mine) {
  if (today === undefined || today === null) return mine ? fill(words.mine, { n: mine }) : "";
  const n = today + mine;
  if (!n) return "";
  return goal ? fill(words.todayOf, { n, goal }) : fill(words.today, { n });
}

function timeText(minutes) {
  return minutes < 90 ? fill(words.minutes, { n: minutes }) : fill(words.hours, { n: Math.round(minutes / 60) });
}
