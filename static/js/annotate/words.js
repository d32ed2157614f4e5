/* The page's words, in the person's language: the template puts them there. */

export const words = JSON.parse(document.getElementById("words").textContent);

/** `fill("Not sent yet: {n}", {n: 3})` */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
