/** Draws from the prior: colder ones keep to what is probable; a click goes there. */

import { tell } from "./telling.js";
import { make, slider } from "./dom.js";
import { fillGallery } from "./draw.js";

const COUNT = 12;

export class PriorPanel {
  /** chosen gets the code of a draw that is clicked on. */
  constructor(model, chosen) {
    Object.assign(this, { model, chosen, temperature: 1, seed: 0, busy: false });
    this.gallery = make("div.gallery");
    this.heat = slider("Temperature", { min: 0.1, max: 1.5, step: 0.05, value: 1, hint: "1: the prior itself; less keeps to its more probable part" }, (value) => { this.temperature = value; this.draw(false); });
    this.element = make("div.panel", {}, this.heat,
      make("div.buttons", {}, make("button.primary", { type: "button", onclick: () => this.draw(true) }, `Draw ${COUNT}`)), this.gallery);
  }

  async draw(anew) {
    if (anew) this.seed += COUNT;
    if (this.busy) { this.again = true; return; }
    this.busy = true;
    try {
      const seeds = Array.from({ length: COUNT }, (_, i) => this.seed + i);
      this.show(await this.model.sample(seeds, this.temperature));
    } catch (error) { tell(error.message); }
    this.busy = false;
    if (this.again) { this.again = false; this.draw(false); }
  }

  show(rows) {
    fillGallery(this.model, this.gallery, rows, (i) => `Draw ${i + 1}: go there`, (i) => this.chosen(rows[i].z));
  }
}
