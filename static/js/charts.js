// Reading a curve by pointer: a line at the nearest step, and its values in the chart's head.

const SVG = "http://www.w3.org/2000/svg";

function nearest(points, x) {
  let low = 0;
  let high = points.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < x) low = middle;
    else high = middle;
  }
  return x - points[low][0] < points[high][0] - x ? points[low] : points[high];
}

function marks(svg) {
  let group = svg.querySelector(".chart__marks");
  if (!group) {
    group = document.createElementNS(SVG, "g");
    group.setAttribute("class", "chart__marks");
    svg.append(group);
  }
  return group;
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function read(svg, event) {
  const box = svg.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
  const outputs = svg.closest(".chart").querySelectorAll("output");
  const group = marks(svg);
  group.replaceChildren();
  svg.querySelectorAll("[data-points]").forEach((path, index) => {
    const points = JSON.parse(path.dataset.points);
    if (!points.length) return;
    const [at, height, step, value] = nearest(points, x);
    if (index === 0) {
      group.append(shape("line", { class: "chart__cursor", x1: at, x2: at, y1: 4, y2: svg.viewBox.baseVal.height - 22 }));
    }
    group.append(shape("circle", { class: path.getAttribute("class"), cx: at, cy: height, r: 3 }));
    const output = outputs[index];
    output.dataset.last ??= output.textContent;
    output.textContent = `${Number(value.toPrecision(4))} @ ${step}`;
  });
}

function leave(svg) {
  svg.querySelector(".chart__marks")?.remove();
  for (const output of svg.closest(".chart").querySelectorAll("output")) {
    if (output.dataset.last !== undefined) output.textContent = output.dataset.last;
    delete output.dataset.last;
  }
}

// Where the pointer rests: a chart that is drawn anew beneath it (the page is live) goes on telling what it points at.
let pointer = null;

document.addEventListener("pointermove", (event) => {
  pointer = event;
  const svg = event.target.closest?.("svg[data-chart]");
  if (svg) read(svg, event);
});
document.addEventListener("pointerout", (event) => {
  const svg = event.target.closest?.("svg[data-chart]");
  if (svg && !svg.contains(event.relatedTarget)) leave(svg);
  if (!event.relatedTarget) pointer = null;
});
document.addEventListener("htmx:after:swap", () => {
  const svg = pointer && document.elementFromPoint(pointer.clientX, pointer.clientY)?.closest("svg[data-chart]");
  if (svg) read(svg, pointer);
});
