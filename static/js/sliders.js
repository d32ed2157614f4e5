// What a slider stands at, beside its name. Without this script its scale tells it all the same.

function show(output) {
  output.textContent = document.getElementById(output.dataset.shows).value;
}

document.addEventListener("input", (event) => {
  for (const output of document.querySelectorAll("output[data-shows]")) {
    if (output.dataset.shows === event.target.id) show(output);
  }
});
for (const output of document.querySelectorAll("output[data-shows]")) show(output); // what a reload has kept
