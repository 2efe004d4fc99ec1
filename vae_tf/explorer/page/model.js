/** One model: what it is, its points, and what can be asked of it. */

import { getBytes, getJson, predict } from "./api.js";
import { Plane } from "./plane.js";

const KEPT = 400;

export class Model {
  constructor(told) {
    Object.assign(this, told);
    this.base = `/explorer/${encodeURIComponent(this.key)}`;
    this.points = null; this.codes = null; this.labels = null; this.scores = null;
    this.kept = new Map();
    this.axisNames = Array.from({ length: this.size }, (_, i) => this.nameOf(i));
  }

  /** The name of a number of z. */
  nameOf(at) {
    const block = this.blocks.find((one) => at >= one.start && at < one.start + one.size);
    const prefix = block.name ? `${block.name} ` : "";
    const place = at - block.start;
    if (block.values !== "categorical") return `${prefix || (block.values === "binary" ? "bit " : "axis ")}${place + 1}`;
    return `${prefix || "variable "}${Math.floor(place / block.num_classes) + 1}: class ${(place % block.num_classes) + 1}`;
  }

  /** Waits for codes, and then for scores; `tell` gets how far it is. */
  async load(tell, ready, scored) {
    if (!this.progress) return;
    for (let state = this.progress; ; state = await getJson(`${this.base}/progress`)) {
      if (state.error) throw new Error(state.error);
      if (state.ready && !this.codes) {
        this.points = await getJson(`${this.base}/points`);
        this.codes = new Float32Array(await getBytes(`${this.base}/codes`));
        this.labels = new Int32Array(await getBytes(`${this.base}/labels`));
        ready();
      }
      tell(state);
      if (state.ready && state.scored >= state.total) break;
      await new Promise((done) => { setTimeout(done, state.ready ? 700 : 250); });
    }
    if (this.signatures.score) { this.scores = new Float32Array(await getBytes(`${this.base}/scores`)); scored(); }
  }

  principal() {
    const { centre, axes, shares } = this.points.principal;
    return new Plane(centre, axes, shares.map((share, i) => `Principal axis ${i + 1} (${(100 * share).toFixed(0)} %)`));
  }

  axes(first, second) { return Plane.ofAxes(this.size, first, second, this.axisNames); }
  code(at) { return Array.from(this.codes.subarray(at * this.size, (at + 1) * this.size)); }
  labelOf(at) { return this.labels[at] < 0 ? "" : this.points.labels[this.labels[at]] ?? String(this.labels[at]); }

  async example(at) {
    if (!this.kept.has(at)) {
      if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
      this.kept.set(at, await getJson(`${this.base}/examples/${at}`));
    }
    return this.kept.get(at);
  }

  /** What the points can be coloured by: classes, values [N] and their names; or amounts [N]. */
  async paints(by) {
    if (by === "label") return { classes: this.labels, names: this.points.labels };
    if (by === "score") return { amounts: this.scores, unit: " nats", ends: [", usual", ", unusual"] };
    if (!by.startsWith("column:")) return {};
    const values = await getJson(`${this.base}/columns/${encodeURIComponent(by.slice(7))}`);
    if (!this.words.includes(by.slice(7))) return { amounts: Float32Array.from(values, (value) => value ?? NaN), unit: "", ends: ["", ""] };
    const counts = new Map();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    const names = [...counts.keys()].filter((name) => name !== "").sort((a, b) => counts.get(b) - counts.get(a));
    return { classes: Int32Array.from(values, (value) => names.indexOf(value)), names };
  }

  /** Decodes codes; a row each. */
  async decode(codes) { return rowsOf(await predict(this, "decode", { z: codes }), codes.length); }

  /** Runs a signature of x on rows of inputs, in a form: "", "_encoded" or "_text". */
  async ofRows(signature, rows, given = "") {
    const form = !given && rows[0].text !== undefined && this.signatures[`${signature}_text`] ? "_text" : given;
    const names = this.signatures[signature + form].filter((name) => name in rows[0]);
    const inputs = Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])]));
    return predict(this, signature + form, inputs);
  }

  async reconstruct(row, form = "") {
    if (this.noun === "text" && !this.signatures.reconstruct_text) { // of subwords: only what is decoded comes as text
      const [made] = await this.decode((await this.ofRows("encode", [row])).mean);
      return made;
    }
    const [made] = rowsOf(await this.ofRows("reconstruct", [row], form), 1);
    return "reconstruction" in made ? { ...made, x: made.reconstruction } : made;
  }

  async sample(seeds, temperature) {
    return rowsOf(await predict(this, "sample", { seed: seeds, temperature: seeds.map(() => temperature) }), seeds.length);
  }

  /** Deviations of q(z|x) by axis of z; 0 where none is told. */
  spreadOf(told) {
    const spread = Array(this.size).fill(0);
    for (const block of this.blocks) if (block.spread && told[block.spread]) told[block.spread][0].forEach((value, i) => { spread[block.start + i] = value; });
    return spread;
  }

  /** The points nearest to a code. */
  nearest(z, count) {
    const far = [];
    for (let n = 0; n * this.size < this.codes.length; n++) {
      let sum = 0;
      for (let i = 0; i < this.size; i++) sum += (this.codes[n * this.size + i] - z[i]) ** 2;
      far.push([sum, n]);
    }
    return far.sort((a, b) => a[0] - b[0]).slice(0, count).map(([, n]) => n);
  }
}

function rowsOf(outputs, count) {
  return Array.from({ length: count }, (_, n) => Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, values[n]])));
}
