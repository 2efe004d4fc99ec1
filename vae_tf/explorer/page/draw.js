/** Shows examples by what they are: pictures and curves on a canvas, rows by column, texts as text. */

import { make } from "./dom.js";
import { classColour, styleColour } from "./palette.js";

const LONG = 320;

function paintPicture(canvas, x, white) {
  const [height, width, channels] = [x.length, x[0].length, x[0][0].length];
  canvas.width = width; canvas.height = height;
  const data = new ImageData(width, height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const pixel = x[row][column], at = 4 * (row * width + column);
      for (let c = 0; c < 3; c++) data.data[at + c] = (255 * pixel[channels >= 3 ? c : 0]) / white;
      data.data[at + 3] = channels === 4 ? (255 * pixel[3]) / white : 255;
    }
  }
  canvas.getContext("2d").putImageData(data, 0, 0);
}

function paintSeries(canvas, x, range) {
  canvas.width = LONG; canvas.height = LONG / 2;
  const pen = canvas.getContext("2d"), all = x.flat();
  const low = range ? range[0] : Math.min(...all), high = range ? range[1] : Math.max(...all);
  pen.lineWidth = 2;
  for (let feature = 0; feature < x[0].length; feature++) {
    pen.strokeStyle = classColour(feature);
    pen.beginPath();
    x.forEach((step, t) => pen.lineTo((t / Math.max(1, x.length - 1)) * (LONG - 8) + 4, LONG / 2 - 6 - ((step[feature] - low) / (high - low || 1)) * (LONG / 2 - 12)));
    pen.stroke();
  }
}

const shownNumber = (value) => (value === null ? "-" : Number.isInteger(value) ? String(value) : Number(value).toPrecision(4).replace(/\.?0+$/, ""));
const shownCell = (cell) => (typeof cell === "number" || cell === null ? shownNumber(cell) : cell === "" ? "-" : String(cell));

/** The cells of a row: [name, text, share of the column's range or null]. */
function cellsOf(model, row) {
  if (model.noun === "table") {
    return Object.entries(model.columns).map(([key, name]) => {
      const range = model.ranges[name], value = row[key];
      const share = range && typeof value === "number" && range[1] > range[0] ? (value - range[0]) / (range[1] - range[0]) : null;
      return [name, shownCell(value), share];
    });
  }
  const flat = [row.x].flat(Infinity);
  return flat.map((value, i) => [model.columns[String(i)] || `${i}`, shownCell(value), null]);
}

export const textOf = (model, row) => row.text ?? row.reconstruction_text ?? cellsOf(model, row).map((cell) => cell[1]).join(" ");

/** A canvas with an example, for films and small pictures. */
export function paint(model, row, canvas = document.createElement("canvas")) {
  if (row.picture) return paintFile(canvas, row.picture);
  if (model.noun === "picture") paintPicture(canvas, row.x, model.white);
  else if (model.noun === "series") paintSeries(canvas, row.x, row.range);
  else paintText(canvas, model, row);
  return canvas;
}

function paintFile(canvas, encoded) {
  const image = new Image();
  image.onload = () => { canvas.width = image.width; canvas.height = image.height; canvas.getContext("2d").drawImage(image, 0, 0); };
  image.src = `data:image/png;base64,${encoded}`;
  return canvas;
}

function paintText(canvas, model, row) {
  const lines = model.noun === "text" ? wrapped(textOf(model, row)) : cellsOf(model, row).slice(0, 24).map(([name, text]) => `${name}: ${text}`);
  canvas.width = LONG; canvas.height = Math.max(60, 22 * (model.noun === "text" ? 6 : lines.length) + 16);
  const pen = canvas.getContext("2d");
  pen.fillStyle = styleColour("--card"); pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = styleColour("--ink"); pen.font = "15px system-ui, sans-serif";
  lines.forEach((line, i) => pen.fillText(line, 10, 24 + 22 * i));
}

function wrapped(text) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if ((lines.at(-1) + word).length > 38) lines.push("");
    lines[lines.length - 1] += `${word} `;
  }
  return lines.slice(0, 6);
}

/** Whether examples are drawn, not written. */
export const isDrawn = (model) => model.noun === "picture" || model.noun === "series";

/** Fills a gallery with examples that can be chosen; nameOf and chosen get a place. Before them stands what is given. */
export function fillGallery(model, gallery, rows, nameOf, chosen, ...before) {
  const drawn = isDrawn(model);
  gallery.classList.toggle("lines", !drawn);
  gallery.replaceChildren(...before, ...rows.map((row, i) => make("button.drawn", { type: "button", ...(drawn ? { "aria-label": nameOf(i) } : {}), onclick: () => chosen(i) },
    drawn ? paint(model, row) : make("span", {}, textOf(model, row)))));
}

/** Fills an element with examples side by side: [[caption, row], …]. */
export function show(model, element, parts) {
  if (model.noun === "table" || model.noun === "row") return showRows(model, element, parts);
  const figures = [...element.children];
  if (figures.length !== parts.length || element.dataset.shown !== "figures") {
    element.dataset.shown = "figures";
    element.replaceChildren(...parts.map(() => make("figure", {}, model.noun === "text" ? make("blockquote") : make("canvas", { role: "img" }), make("figcaption"))));
  }
  const range = model.noun === "series" ? rangeOf(parts) : undefined;
  parts.forEach(([caption, row], i) => {
    const [shown, told] = element.children[i].children;
    if (told.textContent !== caption) told.textContent = caption;
    if (model.noun === "text") { shown.textContent = textOf(model, row); return; }
    shown.setAttribute("aria-label", caption || "What the point decodes to");
    paint(model, { ...row, range }, shown);
  });
}

function rangeOf(parts) {
  const all = parts.flatMap(([, row]) => row.x.flat());
  return [Math.min(...all), Math.max(...all)];
}

function showRows(model, element, parts) {
  const columns = parts.map(([, row]) => cellsOf(model, row));
  const head = make("tr", {}, make("th", { scope: "col" }, "Column"), ...parts.map(([caption]) => make("th", { scope: "col" }, caption || "Value")));
  const rows = columns[0].map(([name], i) => make("tr", {}, make("th", { scope: "row" }, name), ...columns.map((cells) => cell(cells[i]))));
  element.dataset.shown = "rows";
  element.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
}

function cell([, text, share]) {
  const shown = make("td", {}, make("span", {}, text));
  if (share === null) return shown;
  const bar = make("i.bar", { "aria-hidden": "true" });
  bar.style.width = `${100 * Math.min(1, Math.max(0, share))}%`;
  shown.append(bar);
  return shown;
}
