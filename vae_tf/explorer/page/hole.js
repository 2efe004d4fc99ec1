/** A hole in an example, filled in by the model: painted into a picture, drawn over moments of a series, cells of a row left out. */

import { predict } from "./api.js";
import { make, slider } from "./dom.js";
import { isDrawn, paint, show } from "./draw.js";
import { styleColour } from "./palette.js";
import { tell } from "./telling.js";

const AREAS = { "Left half": (x, y) => x < 0.5, "Lower half": (x, y) => y >= 0.5, Middle: (x, y) => Math.abs(x - 0.5) < 0.25 && Math.abs(y - 0.5) < 0.25 };
const SPANS = { "First half": (x) => x < 0.5, "Last half": (x) => x >= 0.5, Middle: (x) => Math.abs(x - 0.5) < 0.2 };
const TOLD = { picture: "Paint over what the model is to make up.", series: "Drag over the moments that the model is to make up.", row: "Choose the cells that the model is to make up.", table: "Choose the cells that the model is to make up." };

export const canFill = (model) => Boolean(model.signatures.impute_masked || (model.noun === "table" && model.signatures.impute));

export class HolePanel {
  constructor(model) {
    Object.assign(this, { model, seed: 0, row: null, hidden: new Set(), brush: 0.12 });
    const button = (text, work, kind = "") => make(`button${kind}`, { type: "button", onclick: work }, text);
    this.canvas = isDrawn(model) ? make("canvas.paintable", { role: "img", "aria-label": "The example with its hole; paint with the pointer, or choose an area" }) : null;
    this.cells = this.canvas ? null : make("div.buttons");
    const areas = model.noun === "picture" ? AREAS : model.noun === "series" ? SPANS : {};
    const size = model.noun === "picture" ? slider("Brush", { min: 0.03, max: 0.4, step: 0.01, value: this.brush, format: (share) => `${Math.round(100 * share)} %` }, (share) => { this.brush = share; }) : null;
    this.pair = make("div.pair");
    this.told = make("p.caption");
    this.element = make("div.panel", {}, make("p.hint", {}, TOLD[model.noun]), this.canvas, this.cells, size,
      make("div.buttons", {}, ...Object.entries(areas).map(([name, within]) => button(name, () => this.hideArea(within)))),
      make("div.buttons", {}, button("Fill in", () => this.fill(), ".primary"), button("Another draw", () => { this.seed += 1; this.fill(); }), button("No hole", () => { this.hidden.clear(); this.draw(); })), this.pair, this.told);
    if (this.canvas) this.listen();
  }

  /** Takes an example, by its place or as a row. */
  async take(example) {
    try {
      this.row = typeof example === "number" ? await this.model.example(example) : example;
      this.hidden = new Set(this.gaps()); this.pair.replaceChildren(); this.told.textContent = "";
      this.draw();
    } catch (error) { tell(error.message); }
  }

  /** The cells that a row lacks. */
  gaps() { return this.model.noun === "table" ? Object.keys(this.model.columns).filter((key) => this.row[key] === null || this.row[key] === "") : []; }

  listen() {
    let from = null;
    const at = (event) => { const box = this.canvas.getBoundingClientRect(); return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]; };
    this.canvas.addEventListener("pointerdown", (event) => { if (!this.row) return; from = at(event); this.canvas.setPointerCapture(event.pointerId); this.stroke(from, from); event.preventDefault(); });
    this.canvas.addEventListener("pointermove", (event) => { if (!from) return; const now = at(event); this.stroke(from, now); if (this.model.noun === "picture") from = now; });
    for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, () => { from = null; });
  }

  /** Hides what lies between two points: of a picture within the brush of their line, of a series all moments from one to the other. */
  stroke([x1, y1], [x2, y2]) {
    const length = (x2 - x1) ** 2 + (y2 - y1) ** 2, reach = this.brush / 2 + 0.35 / this.row.x.length;
    if (this.model.noun === "series") { this.hideArea((x) => x >= Math.min(x1, x2) && x <= Math.max(x1, x2)); return; }
    this.hideArea((x, y) => {
      const along = length ? Math.max(0, Math.min(1, ((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length)) : 0;
      return Math.hypot(x - x1 - along * (x2 - x1), y - y1 - along * (y2 - y1)) <= reach;
    });
  }

  hideArea(within) {
    if (!this.row) return;
    const { x } = this.row, rows = x.length, columns = this.model.noun === "picture" ? x[0].length : 1;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const place = columns > 1 ? [(j + 0.5) / columns, (i + 0.5) / rows] : [(i + 0.5) / rows, 0.5];
        if (within(...place)) this.hidden.add(i * columns + j);
      }
    }
    this.draw();
  }

  draw() {
    if (!this.row) return;
    if (!this.canvas) { this.drawCells(); return; }
    paint(this.model, this.row, this.canvas);
    const pen = this.canvas.getContext("2d"), { width, height } = this.canvas;
    pen.fillStyle = styleColour("--handle");
    if (this.model.noun === "picture") { for (const at of this.hidden) pen.fillRect(at % width, Math.floor(at / width), 1, 1); return; }
    pen.globalAlpha = 0.35;
    const step = width / this.row.x.length;
    for (const at of this.hidden) pen.fillRect(at * step, 0, step + 0.5, height);
    pen.globalAlpha = 1;
  }

  drawCells() {
    const names = this.model.noun === "table" ? Object.entries(this.model.columns) : this.row.x.map((_, i) => [i, this.model.columns[String(i)] || String(i)]);
    const toggle = (key) => { this.hidden.delete(key) || this.hidden.add(key); this.drawCells(); this.cells.querySelector(`[data-key="${CSS.escape(String(key))}"]`).focus(); };
    this.cells.replaceChildren(...names.map(([key, name]) => {
      const shown = make("button.key", { type: "button", "aria-pressed": String(this.hidden.has(key)), onclick: () => toggle(key) }, name);
      shown.dataset.key = key;
      return shown;
    }));
  }

  async fill() {
    if (!this.row) { tell("Choose an example first: a point of the map."); return; }
    if (!this.hidden.size) { tell(TOLD[this.model.noun]); return; }
    const { row } = this;
    try {
      const made = await (this.model.noun === "table" ? this.ofTable() : this.ofArray());
      if (row === this.row) show(this.model, this.pair, [["Filled in", made], ["As it was", this.row]]);
    } catch (error) { tell(error.message); }
  }

  async ofArray() {
    const { x } = this.row, width = this.model.noun === "picture" ? x[0].length : 1;
    const observed = x.map((part, i) => (this.model.noun === "picture" ? part.map((pixel, j) => pixel.map(() => !this.hidden.has(i * width + j))) : this.model.noun === "series" ? part.map(() => !this.hidden.has(i)) : !this.hidden.has(i)));
    const { x: filled } = await predict(this.model, "impute_masked", { x: [x], observed: [observed], seed: [this.seed] });
    this.told.textContent = "The mean of a chain that draws the code and the hole in turn, each given the other; another draw begins elsewhere.";
    return { ...this.row, x: filled[0] };
  }

  async ofTable() {
    const { model } = this, known = Object.keys(model.columns), isDraw = this.seed > 0 && model.signatures.impute_draw;
    const cells = Object.fromEntries(known.map((key) => [key, [this.hidden.has(key) ? (model.words.includes(key) ? "" : null) : this.row[key]]]));
    const outputs = await predict(model, isDraw ? "impute_draw" : "impute", isDraw ? { ...cells, seed: [this.seed] } : cells);
    const sure = [...this.hidden].map((key) => [model.columns[key], outputs[`${key}_spread`]?.[0], model.words.includes(key)]).filter(([, spread]) => spread !== undefined);
    this.told.textContent = isDraw ? "One draw of all the cells together." : sure.map(([name, spread, isWord]) => (isWord ? `${name}: ${Math.round(100 * spread)} % sure` : `${name}: ± ${Number(spread.toPrecision(3))}`)).join("; ");
    return Object.fromEntries(known.map((key) => [key, outputs[key][0]]));
  }
}
