// Moments in the reader's own words: <time data-ago> becomes "3 minutes ago", with the local time as its title.

const words = new Intl.RelativeTimeFormat(document.documentElement.lang || "en", { numeric: "auto" });
const STEPS = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 30],
  ["month", 12],
  ["year", Infinity],
];

function said(moment) {
  let value = (moment - Date.now()) / 1000;
  for (const [unit, most] of STEPS) {
    if (Math.abs(value) < most) return words.format(Math.round(value), unit);
    value /= most;
  }
  return "";
}

function tell(root) {
  for (const element of root.querySelectorAll("time[data-ago]")) {
    const moment = new Date(element.dateTime);
    element.textContent = said(moment);
    element.title = moment.toLocaleString();
  }
}

tell(document);
setInterval(() => tell(document), 20_000);
document.addEventListener("htmx:after:swap", () => tell(document));
