/** Makes elements; what people wrote is only ever text. */

/** make("button.small", {onclick, "aria-label": "…"}, "text", child, …) */
export function make(kind, settings = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(settings)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.startsWith("aria-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function makeSvg(tag, attributes = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

let count = 0;
/** A slider with its name and value; `change` gets numbers. */
export function slider(name, { min, max, step, value, format = (v) => v.toFixed(2), hint = "" }, change) {
  const id = `slider-${++count}`;
  const shown = make("output", { htmlFor: id }, format(value));
  const input = make("input", { type: "range", id, min, max, step, value });
  input.addEventListener("input", () => { shown.textContent = format(Number(input.value)); change(Number(input.value)); });
  const row = make("div.slider", {}, make("label", { htmlFor: id, title: hint }, name), input, shown);
  row.set = (next) => { input.value = next; shown.textContent = format(next); };
  return row;
}

export function choice(name, options, value, change) {
  const id = `choice-${++count}`;
  const select = make("select", { id, onchange: () => change(select.value) });
  const fill = (all, chosen) => { select.replaceChildren(...all.map(([key, text]) => make("option", { value: key }, text))); select.value = chosen; };
  fill(options, value);
  const row = make("div.choice", {}, make("label", { htmlFor: id }, name), select);
  row.fill = fill;
  row.select = select;
  return row;
}
