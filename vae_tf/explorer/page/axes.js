/** The code by its parts, those that tell most first: a slider an axis, buttons for classes, soft or hard. */

import { make, slider } from "./dom.js";

const SHOWN = 12;
const FIRM = 6;

export class AxesPanel {
  /** changed gets the new code. */
  constructor(model, changed) {
    this.model = model; this.changed = changed; this.all = false; this.softness = 0.5;
    this.scores = Array(model.size).fill(0);
    this.list = make("div.controls");
    this.more = make("button", { type: "button", onclick: () => { this.all = !this.all; this.build(); } });
    const hasClasses = model.blocks.some((block) => block.values === "categorical");
    this.temperature = hasClasses ? slider("Temperature", { min: 0.1, max: 3, step: 0.05, value: this.softness, format: (v) => `${v.toFixed(2)} ${v < 0.4 ? "hard" : v > 1.5 ? "soft" : ""}`, hint: "From hard classes to soft mixtures" },
      (value) => { this.softness = value; this.soften(); }) : null;
    this.element = make("div.panel", {}, this.temperature, this.list, this.more);
    this.z = Array(model.size).fill(0);
  }

  /** The parts of the code in the order of what they tell. */
  parts() {
    const nats = this.model.points?.nats ?? [], found = [];
    let at = 0;
    for (const block of this.model.blocks) {
      const width = block.values === "categorical" ? block.num_classes : 1;
      for (let start = block.start; start < block.start + block.size; start += width) found.push({ block, start, width, nats: nats[at++] });
    }
    return found.sort((a, b) => (b.nats ?? 0) - (a.nats ?? 0));
  }

  build() {
    const parts = this.parts(), shown = this.all ? parts : parts.slice(0, SHOWN);
    this.controls = shown.map((part) => (part.block.values === "continuous" ? this.makeSlider(part) : this.makeButtons(part)));
    this.list.replaceChildren(...this.controls.map((control) => control.element));
    this.more.hidden = parts.length <= SHOWN;
    this.more.textContent = this.all ? "Show the first alone" : `Show all ${parts.length}`;
    this.set(this.z);
  }

  makeSlider({ start, nats }) {
    const { points, axisNames } = this.model;
    const reach = points ? Math.max(Math.abs(points.low[start]), Math.abs(points.high[start]), 0.5) * 1.1 : 3.5;
    const told = nats === undefined ? "" : ` · ${nats.toFixed(2)} nats`;
    const element = slider(`${axisNames[start]}${told}`, { min: -reach, max: reach, step: reach / 200, value: 0, hint: "What the axis tells of an example" },
      (value) => { const z = [...this.z]; z[start] = value; this.z = z; this.changed(z); });
    return { element, set: (z) => element.set(z[start]) };
  }

  makeButtons({ block, start, width, nats }) {
    const told = nats === undefined ? "" : ` · ${nats.toFixed(2)} nats`, binary = block.values === "binary";
    const name = binary ? this.model.axisNames[start] : this.model.axisNames[start].replace(/: class 1$/, "");
    const choices = binary ? ["0", "1"] : Array.from({ length: width }, (_, i) => String(i + 1));
    const buttons = choices.map((choice, i) => make("button.class", { type: "button", "aria-pressed": "false", "aria-label": `${name}, class ${choice}`, onclick: () => this.choose(block, start, width, i) }, make("span", {}, choice), make("i.share", { "aria-hidden": "true" })));
    const element = make("div.variable", { role: "group", "aria-label": name }, make("span.name", {}, `${name}${told}`), make("div.classes", {}, ...buttons));
    const set = (z) => {
      const chances = binary ? [1 - z[start], z[start]] : z.slice(start, start + width), most = chances.indexOf(Math.max(...chances));
      buttons.forEach((button, i) => { button.setAttribute("aria-pressed", String(i === most)); button.lastChild.style.height = `${100 * Math.min(1, Math.max(0, chances[i]))}%`; });
    };
    return { element, set };
  }

  choose(block, start, width, chosen) {
    const z = [...this.z];
    if (block.values === "binary") z[start] = chosen;
    else {
      for (let i = 0; i < width; i++) this.scores[start + i] = i === chosen ? 1 : 0;
      this.spread(z, start, width);
    }
    this.z = z; this.set(z); this.changed(z);
  }

  /** Chances of a variable at the temperature: softmax(scores * FIRM / (FIRM * temperature)). */
  spread(z, start, width) {
    const scores = this.scores.slice(start, start + width).map((score) => score / this.softness), most = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - most)), sum = powers.reduce((a, b) => a + b, 0);
    powers.forEach((power, i) => { z[start + i] = power / sum; });
  }

  soften() {
    const z = [...this.z];
    for (const { block, start, width } of this.parts()) if (block.values === "categorical") this.spread(z, start, width);
    this.z = z; this.set(z); this.changed(z, true);
  }

  /** Shows a code; where it came from elsewhere, its chances are what the temperature softens. */
  set(z, isNew = false) {
    this.z = Array.from(z);
    if (isNew) {
      for (const { block, start, width } of this.parts()) {
        if (block.values !== "categorical") continue;
        for (let i = start; i < start + width; i++) this.scores[i] = this.softness * Math.log(Math.max(z[i], Math.exp(-FIRM / this.softness)));
      }
    }
    for (const control of this.controls ?? []) control.set(this.z);
  }
}
