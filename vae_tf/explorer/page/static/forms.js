/** Between what people read and what a model takes: cells and numbers, texts and tokens, seeds and noise. */

/** A flat array as nested ones. */
export function nested(values, dims) {
  if (dims.length < 2) return values;
  const size = values.length / dims[0];
  return Array.from({ length: dims[0] }, (_, i) => nested(values.slice(i * size, (i + 1) * size), dims.slice(1)));
}

/** Numbers of a row [N * D] from a table's columns, NaN in gaps. */
export function numbersOf(model, inputs, count) {
  return Array.from({ length: count }, (_, row) => model.cells.map((cell) => numberOf(cell, inputs[cell.input][row]))).flat();
}

function numberOf(cell, value) {
  if (value === null || value === "" || value === undefined) return NaN;
  if (cell.words.length) { const at = cell.words.indexOf(String(value).trim()); return at < 0 ? cell.words.length - 1 : at; }
  return cell.date ? secondsOf(cell.date, String(value).trim()) : Number(value);
}

/** Rows of numbers as columns of cells; what is no cell, such as nats, with an end to the column's name. */
export function columnsOf(model, rows, end) {
  return Object.fromEntries(model.cells.map((cell, i) => [`${cell.input}${end}`, rows.map((row) => (end ? row[i] : shown(cell, row[i])))]));
}

function shown(cell, number) {
  const value = Math.min(cell.high, Math.max(cell.low, number));
  if (cell.words.length) return cell.words[Math.round(value)];
  if (cell.date) return dateOf(cell, value);
  if (cell.whole) return Math.round(value);
  return cell.decimals === null ? value : Number(value.toFixed(cell.decimals));
}

const PARTS = { "%Y": 4, "%m": 2, "%q": 1, "%d": 2, "%H": 2, "%M": 2, "%S": 2 };
const plainForm = (form) => (form.match(/%./g) ?? []).every((part) => part in PARTS);

/** A date in the table's own form where it is made of numbers alone, else as 2024-05-31 13:00:00. */
function dateOf(cell, seconds) {
  const step = cell.step || 1, iso = new Date(Math.round(seconds / step) * step * 1000).toISOString();
  if (!plainForm(cell.date)) return iso.slice(0, 19).replace("T", " ");
  const [Y, m, d, H, M, S] = iso.match(/\d+/g);
  const parts = { "%Y": Y, "%m": m, "%q": Math.ceil(m / 3), "%d": d, "%H": H, "%M": M, "%S": S };
  return cell.date.replace(/%./g, (part) => parts[part]);
}

function secondsOf(form, text) {
  if (!plainForm(form)) return Date.parse(`${text.replace(" ", "T")}Z`) / 1000 || Date.parse(text) / 1000;
  const names = form.match(/%./g), escaped = form.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const found = text.match(new RegExp(`^${escaped.replace(/%./g, (part) => `(\\d{1,${PARTS[part]}})`)}$`));
  if (!found) throw new Error(`A date must be written as ${form}. Received: '${text}'.`);
  const of = (part, other) => (names.includes(part) ? Number(found[names.indexOf(part) + 1]) : other);
  return Date.UTC(of("%Y", 1970), (names.includes("%q") ? 3 * of("%q") - 2 : of("%m", 1)) - 1, of("%d", 1), of("%H", 0), of("%M", 0), of("%S", 0)) / 1000;
}

/** Cells of a file's row, texts by the column's own name, as inputs. */
export function cellsOf(model, texts) {
  return Object.fromEntries(model.cells.map((cell) => {
    const text = (texts[cell.name] ?? "").trim();
    const isGap = model.gaps.includes(text);
    if (cell.words.length || cell.date) return [cell.input, isGap ? "" : text];
    if (!isGap && Number.isNaN(Number(text))) throw new Error(`Column '${cell.name}' must hold numbers. Received: '${text}'.`);
    return [cell.input, isGap ? null : Number(text)];
  }));
}

/** Token numbers of a text; 0 from its end on, 1 where the vocabulary has no such letter. */
export function tokensOf(model, text) {
  const letters = [...text.normalize("NFC").replace(/\s+/gu, " ").trim()].slice(0, model.shape[0]);
  const known = letters.map((letter) => { const at = model.vocabulary.indexOf(letter); return at > 0 ? at : 1; });
  return [...known, ...Array(model.shape[0] - known.length).fill(0)];
}

export function textsOf(model, rows) {
  return rows.map((tokens) => {
    const end = tokens.indexOf(0);
    return (end < 0 ? tokens : tokens.slice(0, end)).map((token) => model.vocabulary[token]).join("").replaceAll("\u2581", " ");
  });
}

/** Noise that follows a seed: evenly drawn numbers (mulberry32), or normal ones of pairs of them (Box and Muller 1958). */
export function noise(kind, seed, count) {
  let state = Math.imul(seed + 1, 0x9e3779b9) >>> 0;
  const even = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 8) / 2 ** 24;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - even())) * Math.cos(2 * Math.PI * even());
  return Array.from({ length: count }, kind === "normal" ? normal : even);
}
