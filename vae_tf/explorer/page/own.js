/** A picture, row or line of one's own: its posterior, reconstruction, score among the scores of the map, nearest neighbours. */

import { readFile } from "./api.js";
import { make, makeSvg } from "./dom.js";
import { fillGallery, show } from "./draw.js";
import { tell } from "./telling.js";

const NEAREST = 6;
const BARS = 40;
const ASKED = {
  picture: ["Drop a picture here, or choose one.", ""],
  text: ["Drop a file of lines (.txt), or type one.", "a line"],
  table: ["Drop a table (.csv, .xlsx, .parquet), or paste its head and a row.", "name,other\n1.5,word"],
  row: ["Drop a table (.csv, .npz), or paste its head and a row.", "name,other\n1.5,2"],
  series: ["Drop a table of consecutive rows (.csv).", ""],
};

export class OwnPanel {
  /** asks: found({z, spread, row}) is told where it lies, and the row where it is one of numbers; picked(index) when a neighbour is clicked. */
  constructor(model, asks) {
    this.model = model; this.asks = asks;
    const [told, example] = ASKED[model.noun];
    this.file = make("input", { type: "file", "aria-label": "A file of your own", onchange: () => this.file.files[0] && this.take(this.file.files[0]) });
    this.text = example ? make("textarea", { rows: 3, placeholder: example, "aria-label": model.noun === "text" ? "A line of your own" : "A head and a row of your own" }) : null;
    const go = example ? make("button.primary", { type: "button", onclick: () => this.typed() }, "Look at it") : null;
    this.pair = make("div.pair");
    this.score = make("div.score");
    this.near = make("div.gallery");
    this.notes = make("div.notes");
    this.which = make("div.buttons");
    this.element = make("div.panel", {}, make("div.drop", {}, make("p", {}, told), this.file, this.text, go), this.notes, this.which, this.pair, this.score, this.near);
  }

  /** Lets files be dropped anywhere on an element. */
  watch(element, opened) {
    element.addEventListener("dragover", (event) => { event.preventDefault(); element.classList.add("over"); });
    element.addEventListener("dragleave", (event) => { if (!element.contains(event.relatedTarget)) element.classList.remove("over"); });
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      element.classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file) { opened(); this.take(file); }
    });
  }

  typed() { this.take(new File([this.text.value], this.model.noun === "text" ? "typed.txt" : "typed.csv")); }

  async take(file) {
    try {
      const read = await readFile(this.model, file.name, await file.arrayBuffer());
      this.notes.replaceChildren(...(read.notes ?? []).map((note) => make("p.caption", {}, note)));
      this.which.replaceChildren(...(read.rows.length > 1 ? read.rows.map((row, i) => make("button", { type: "button", "aria-label": `Row ${i + 1} of the file`, onclick: () => this.look(read, i) }, String(i + 1))) : []));
      await this.look(read, 0);
    } catch (error) { tell(error.message); }
  }

  async look(read, place) {
    const { model } = this, row = read.rows[place];
    const told = await model.ofRows("encode", [row], read.form);
    const made = await model.reconstruct(row, read.form);
    const z = told.mean[0];
    show(model, this.pair, [["Yours", { ...row, picture: read.picture }], ["Reconstruction", made]]);
    this.asks.found({ z, spread: model.spreadOf(told), row: read.form === "" ? row : null });
    this.showNear(z);
    this.score.replaceChildren();
    if (model.signatures.score) this.showScore((await model.ofRows("score", [row], read.form)).negative_elbo[0]);
  }

  showScore(score) {
    const { scores } = this.model, known = scores ? [...scores].filter(Number.isFinite) : [];
    const below = known.filter((one) => one < score).length;
    const among = known.length ? ` More unusual than ${((100 * below) / known.length).toFixed(0)} % of the examples here.` : "";
    this.score.replaceChildren(make("p", {}, make("strong", {}, `${score.toFixed(1)} nats.`), among));
    if (known.length > 20) this.score.append(histogram(known, score));
  }

  async showNear(z) {
    this.near.replaceChildren();
    if (!this.model.codes) return;
    const places = this.model.nearest(z, NEAREST);
    const rows = await Promise.all(places.map((at) => this.model.example(at)));
    fillGallery(this.model, this.near, rows, (i) => `Neighbour ${i + 1}, ${this.model.labelOf(places[i]) || "no label"}`, (i) => this.asks.picked(places[i]),
      make("p.caption", {}, "Nearest examples"));
  }
}

/** The scores of the map's examples, but for the oddest hundredth, and a mark. */
function histogram(known, mark) {
  const sorted = known.sort((a, b) => a - b), low = Math.min(sorted[0], mark), high = Math.max(sorted[Math.floor(sorted.length * 0.99)], mark);
  const counts = Array(BARS).fill(0), at = (score) => ((score - low) / (high - low || 1)) * BARS;
  for (const score of sorted) if (score <= high) counts[Math.min(BARS - 1, Math.floor(at(score)))] += 1;
  const most = Math.max(...counts), chart = makeSvg("svg", { class: "histogram", viewBox: `0 0 ${BARS * 4} 50`, role: "img", "aria-label": `The scores of the examples, from ${low.toFixed(0)} to ${high.toFixed(0)} nats, and yours` });
  counts.forEach((count, i) => chart.append(makeSvg("rect", { x: i * 4, y: 48 - (46 * count) / most, width: 3.2, height: (46 * count) / most })));
  const x = Math.min(BARS * 4 - 1, at(mark) * 4);
  chart.append(makeSvg("line", { x1: x, x2: x, y1: 0, y2: 50 }));
  return chart;
}
