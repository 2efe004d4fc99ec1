/** Paths between points, straight or on the sphere, as a film; and the film as a GIF. */

import { tell } from "./telling.js";
import { choice, make, slider } from "./dom.js";
import { paint } from "./draw.js";
import { path } from "./plane.js";
import { GIFEncoder, applyPalette, quantize } from "./vendor/gifenc.js";

const ROWS = 32;
const FRAME_MS = 80;
const GIF_SIDE = 224;

export class FilmPanel {
  /** asks: here() gives the code that is decoded now; changed(stops) is told; at(z) when a frame is shown. */
  constructor(model, asks) {
    Object.assign(this, { model, asks, stops: [], spherical: false, steps: 16, frames: null, place: 0, timer: 0 });
    this.list = make("ol.stops", { "aria-label": "Points of the path" });
    this.canvas = make("canvas.film", { role: "img", "aria-label": "Film of the path" });
    this.scrub = slider("Frame", { min: 0, max: 1, step: 1, value: 0, format: (v) => String(v + 1) }, (value) => this.frame(value));
    this.play = make("button", { type: "button", onclick: () => this.toggle() }, "Play");
    this.save = make("button", { type: "button", onclick: () => this.saveGif() }, "Save as GIF");
    this.kind = choice("Way", [["straight", "straight"], ["spherical", "spherical"]], "straight", (value) => { this.spherical = value === "spherical"; this.reset(); });
    this.number = slider("Steps a leg", { min: 4, max: 48, step: 1, value: this.steps, format: String }, (value) => { this.steps = value; this.reset(); });
    this.screen = make("div.screen", { hidden: true }, this.canvas, this.scrub, make("div.buttons", {}, this.play, this.save));
    this.element = make("div.panel", {}, make("p.hint", {}, "Move the point, add it; move it, add it again. Two make a path."),
      make("div.buttons", {}, make("button.primary", { type: "button", onclick: () => this.add() }, "Add this point"), make("button", { type: "button", onclick: () => { this.stops = []; this.reset(); } }, "Clear")),
      this.list, this.screen, this.kind, this.number);
  }

  add(z = this.asks.here()) { this.stops.push([...z]); this.reset(); }

  restore({ stops = [], spherical = false, steps = 16 }) {
    this.stops = stops; this.spherical = spherical; this.steps = steps;
    this.kind.select.value = spherical ? "spherical" : "straight";
    this.number.set(steps);
    this.reset();
  }

  get codes() { return path(this.stops, this.steps, this.spherical, this.model.blocks); }

  reset() {
    this.pause();
    this.frames = null;
    this.screen.hidden = this.stops.length < 2;
    this.list.replaceChildren(...this.stops.map((_, i) => make("li", {}, make("span", {}, `Point ${i + 1}`),
      make("button", { type: "button", "aria-label": `Take point ${i + 1} off the path`, onclick: () => { this.stops.splice(i, 1); this.reset(); } }, "×"))));
    this.asks.changed(this.stops.length > 1 ? this.codes : this.stops);
    if (this.stops.length > 1) {
      this.scrub.children[1].max = this.codes.length - 1;
      this.scrub.set(0);
      this.make().catch((error) => tell(error.message));
    }
  }

  /** Decodes all frames, once. */
  make() {
    if (!this.frames) {
      const codes = this.codes;
      this.frames = (async () => {
        const rows = [];
        for (let at = 0; at < codes.length; at += ROWS) rows.push(...await this.model.decode(codes.slice(at, at + ROWS)));
        return { codes, rows };
      })();
      const asked = this.frames;
      asked.then(() => { if (asked === this.frames) this.frame(0, false); }, () => { if (asked === this.frames) this.frames = null; });
    }
    return this.frames;
  }

  async frame(place, moves = true) {
    const { codes, rows } = await this.make();
    this.place = Math.min(place, rows.length - 1);
    this.scrub.set(this.place);
    paint(this.model, rows[this.place], this.canvas);
    if (moves) this.asks.at(codes[this.place], rows[this.place]);
  }

  async toggle() {
    if (this.timer) { this.pause(); return; }
    const { rows } = await this.make();
    this.play.textContent = "Pause";
    this.timer = setInterval(() => this.frame((this.place + 1) % rows.length), FRAME_MS);
  }

  pause() { clearInterval(this.timer); this.timer = 0; this.play.textContent = "Play"; }

  async saveGif() {
    const { rows } = await this.make();
    const gif = GIFEncoder(), small = document.createElement("canvas"), large = document.createElement("canvas");
    for (const row of rows) {
      paint(this.model, row, small);
      const scale = Math.max(1, Math.round(GIF_SIDE / Math.max(small.width, small.height)));
      large.width = small.width * scale; large.height = small.height * scale;
      const pen = large.getContext("2d", { willReadFrequently: true });
      pen.imageSmoothingEnabled = false;
      if (this.model.noun === "series") { pen.fillStyle = "#fff"; pen.fillRect(0, 0, large.width, large.height); }
      pen.drawImage(small, 0, 0, large.width, large.height);
      const { data } = pen.getImageData(0, 0, large.width, large.height), palette = quantize(data, 256);
      gif.writeFrame(applyPalette(data, palette), large.width, large.height, { palette, delay: FRAME_MS });
    }
    gif.finish();
    const link = make("a", { href: URL.createObjectURL(new Blob([gif.bytes()], { type: "image/gif" })), download: `${this.model.key}-path.gif` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    tell(`Saved ${rows.length} frames as ${link.download}.`);
  }
}
