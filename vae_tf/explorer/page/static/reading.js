/** Reads what is dropped, as far as a browser can: pictures, tables as CSV, lines of text. */

const MOST = 20;
const SHOWN = 512;
const WANTED = { picture: "a picture", text: "a file of lines (.txt)", table: "a table with its columns (.csv)", row: "a table with its columns (.csv)" };

/** Gives {form, rows, picture} as the server does. cellsOf makes a table's inputs of a row's texts. */
export async function read(model, name, content, cellsOf) {
  const refused = new Error(`${WANTED[model.noun] ? `Drop ${WANTED[model.noun]}` : "Windows of rows are read by a server alone: use explore without --static"}. Received: '${name}'.`);
  const end = name.toLowerCase().split(".").at(-1);
  if (model.noun === "picture") return picture(model, content, refused);
  if (!(model.noun === "text" && end === "txt") && !((model.noun === "table" || model.noun === "row") && end === "csv")) throw refused;
  const text = new TextDecoder().decode(content).replace(/^\uFEFF/, "");
  if (model.noun === "text") {
    const lines = text.split(/\r?\n/).filter((line) => line.trim());
    if (!lines.length || !model.signatures.encode_text) throw refused;
    return { form: "_text", rows: lines.slice(0, MOST).map((line) => ({ text: line })) };
  }
  const [head, ...rows] = parse(text);
  if (!rows.length) throw new Error(`'${name}' has no row below its head.`);
  const missing = Object.values(model.columns).filter((column) => !head.includes(column));
  if (missing.length) throw new Error(`'${name}' lacks the column ${missing.map((one) => `'${one}'`).join(", ")}.`);
  const named = rows.slice(0, MOST).map((row) => Object.fromEntries(head.map((column, i) => [column, row[i] ?? ""])));
  return { form: "", rows: named.map((row) => (model.cells ? cellsOf(model, row) : { x: Object.values(model.columns).map((column) => number(column, row[column])) })) };
}

function number(column, text) {
  if (text.trim() === "" || Number.isNaN(Number(text))) throw new Error(`Column '${column}' must hold numbers. Received: '${text}'.`);
  return Number(text);
}

/** Rows of a CSV file; cells in quotes may hold commas, quotes and ends of lines. */
function parse(text) {
  const rows = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1).push(quoted === undefined ? plain.trim() : quoted.replaceAll('""', '"'));
    if (end === "") break;
    if (end !== ",") rows.push([]);
  }
  return rows.filter((row) => row.length > 1 || row[0]);
}

/** A picture brought to the model's size by the browser: whole and in the middle, or its middle alone, or stretched, as the model's own were. */
async function picture(model, content, refused) {
  const image = await createImageBitmap(new Blob([content])).catch(() => { throw refused; });
  const [height, width, channels] = model.shape, { fit, background } = model.reading;
  const small = surface(width, height), large = surface(...scaled(image, Math.min(1, SHOWN / Math.max(image.width, image.height))));
  for (const pen of [small, large]) { pen.fillStyle = background; if (channels !== 4) pen.fillRect(0, 0, pen.canvas.width, pen.canvas.height); }
  const scale = { pad: Math.min, crop: Math.max }[fit]?.(width / image.width, height / image.height);
  const [w, h] = scale ? [image.width * scale, image.height * scale] : [width, height];
  small.imageSmoothingQuality = "high";
  small.drawImage(image, (width - w) / 2, (height - h) / 2, w, h);
  large.drawImage(image, 0, 0, large.canvas.width, large.canvas.height);
  const { data } = small.getImageData(0, 0, width, height), share = model.white / 255;
  const pixel = (at) => {
    const [r, g, b, a] = data.slice(at, at + 4);
    return (channels === 1 ? [0.299 * r + 0.587 * g + 0.114 * b] : [r, g, b, a].slice(0, channels)).map((value) => value * share);
  };
  const x = Array.from({ length: height }, (_, row) => Array.from({ length: width }, (__, column) => pixel(4 * (row * width + column))));
  return { form: "", rows: [{ x }], picture: large.canvas.toDataURL("image/png").split(",")[1] };
}

const scaled = (image, share) => [Math.max(1, Math.round(image.width * share)), Math.max(1, Math.round(image.height * share))];
const surface = (width, height) => Object.assign(document.createElement("canvas"), { width, height }).getContext("2d", { willReadFrequently: true });
