/** One model on the page: its map, what is under the pointer, what is decoded, and the panels. */

import { Latest, tell } from "./telling.js";
import { AxesPanel } from "./axes.js";
import { choice, make } from "./dom.js";
import { isDrawn, show } from "./draw.js";
import { FilmPanel } from "./film.js";
import { HolePanel, canFill } from "./hole.js";
import { MapView } from "./map.js";
import { OwnPanel } from "./own.js";
import { amountRgb, classColour, classRgb } from "./palette.js";
import { Plane, tidied } from "./plane.js";
import { PriorPanel } from "./prior.js";
import { numbers } from "./state.js";

const MOST_NAMES = 20;
const shortNumber = (value) => Number(value.toPrecision(4)).toLocaleString("en");
const narrow = matchMedia("(max-width: 860px)"), dark = matchMedia("(prefers-color-scheme: dark)");

export class Explorer {
  /** told: changed() when the view is another; hovered(index) for the other model. */
  constructor(model, state, told) {
    Object.assign(this, { model, told, colour: "none", wanted: state.colour, planeName: state.plane ?? "principal", chosen: new Set() });
    this.restored = state;
    this.z = numbers(state.z, model.size) ?? Array(model.size).fill(0);
    this.at = -1;
    this.hovering = new Latest((index) => this.showExample(index));
    this.decoding = new Latest(async (z) => { const [row] = await model.decode([z]); this.showDecoded(row); });
    this.map = new MapView(model.title, {
      hovered: (index, x, y) => this.hovered(index, x, y), picked: (index) => this.pick(index), moved: (place) => this.moveTo(place),
      viewed: () => { this.hideCard(); told.changed(); }, failed: (error) => tell(`The map cannot be drawn: ${error.message}`),
    });
    this.build();
  }

  build() {
    const { model } = this;
    this.card = make("div.card.hover", { hidden: true });
    this.cardTitle = make("p.caption");
    this.cardPair = make("div.pair");
    this.card.append(this.cardTitle, this.cardPair);
    this.map.element.append(this.card);
    this.progress = make("progress", { max: 1, value: 0, hidden: true, "aria-label": "Examples encoded" });
    this.state = make("span.state");
    this.legend = make("div.legend");
    this.decoded = make("div.pair.decoded");
    this.axes = new AxesPanel(model, (z) => this.setCode(z, { from: this.axes }));
    this.film = new FilmPanel(model, { here: () => this.z, changed: (codes) => { this.drawPath(codes); this.told.changed(); }, at: (z, row) => this.setCode(z, { row }) });
    this.prior = model.signatures.sample ? new PriorPanel(model, (z) => this.setCode(z, { centred: true })) : null;
    this.own = new OwnPanel(model, { found: ({ z, spread, row }) => { this.setCode(z, { spread, centred: true }); if (row) this.hole?.take(row); }, picked: (index) => this.pick(index) });
    this.hole = canFill(model) ? new HolePanel(model) : null;
    this.lens = make("section.card", { "aria-label": "Decoded at the point" }, make("h3", {}, "Decoded at the point"), this.decoded);
    this.side = make("aside.side", { "aria-label": `What ${model.title} makes` }, this.tabs());
    this.element = make("section.subject", { "aria-label": model.title }, make("div.left", {}, this.head(), this.map.element, this.legend), this.side);
    this.placeLens();
    narrow.addEventListener("change", () => this.placeLens());
    this.element.dataset.key = model.key;
    this.own.watch(this.element, () => this.open("own"));
  }

  /** What is decoded stands beside the map; where there is no room, on it, so that it is seen while the point is dragged. */
  placeLens() {
    const isInset = (narrow.matches || this.told.isOneOfTwo) && isDrawn(this.model);
    this.lens.classList.toggle("inset", isInset);
    if (isInset) this.map.element.append(this.lens); else this.side.prepend(this.lens);
  }

  head() {
    const button = (text, name, work) => make("button.icon", { type: "button", title: name, "aria-label": name, onclick: work }, text);
    this.plane = choice("Plane", [["principal", "principal axes"]], "principal", (value) => { this.planeName = value; this.setPlane(true); });
    this.first = choice("across", [], "", () => this.pickAxes());
    this.second = choice("up", [], "", () => this.pickAxes());
    this.paintBy = choice("Colour", [["label", "label"]], "label", (value) => { this.colour = this.wanted = value; this.chosen.clear(); this.paintPoints(); this.told.changed(); });
    const buttons = make("div.icons", {}, button("‹", "Previous example", () => this.step(-1)), button("›", "Next example", () => this.step(1)),
      button("−", "Zoom out", () => this.map.zoomBy(-0.7)), button("+", "Zoom in", () => this.map.zoomBy(0.7)), button("⤢", "Show all", () => { this.map.fit(); this.told.changed(); }));
    return make("div.head", {}, make("h2", {}, this.model.title), this.state, this.progress, this.plane, this.first, this.second, this.paintBy, buttons);
  }

  tabs() {
    const panels = { axes: ["Axes", this.axes], film: ["Path", this.film], prior: ["Prior", this.prior], own: ["Yours", this.own], hole: ["Hole", this.hole] };
    this.panels = Object.fromEntries(Object.entries(panels).filter(([, [, panel]]) => panel));
    const id = (name) => `${name}-${this.model.key}`;
    this.tabButtons = Object.entries(this.panels).map(([name, [text]], place, all) => make("button", { type: "button", role: "tab", id: `tab-${id(name)}`, "aria-controls": id(name), onclick: () => this.open(name), onkeydown: (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { const next = (place + step + all.length) % all.length; this.open(all[next][0]); this.tabButtons[next].focus(); }
    } }, text));
    for (const [name, [, panel]] of Object.entries(this.panels)) {
      panel.element.id = id(name);
      panel.element.setAttribute("role", "tabpanel");
      panel.element.setAttribute("aria-labelledby", `tab-${id(name)}`);
    }
    const shown = make("section.card.tabs", {}, make("div.tablist", { role: "tablist", "aria-label": "Ways to explore" }, ...this.tabButtons), ...Object.values(this.panels).map(([, panel]) => panel.element));
    this.open(this.restored.tab in this.panels ? this.restored.tab : "axes");
    return shown;
  }

  open(name) {
    this.tab = name;
    Object.entries(this.panels).forEach(([one, [, panel]], place) => {
      panel.element.hidden = one !== name;
      this.tabButtons[place].setAttribute("aria-selected", String(one === name));
      this.tabButtons[place].tabIndex = one === name ? 0 : -1;
    });
    if (name === "prior" && !this.prior.gallery.children.length) this.prior.draw(false);
    if (name === "hole" && !this.hole.row && this.model.codes) this.hole.take(Math.max(0, this.at));
    this.told.changed();
  }

  async start() {
    this.map.start();
    const { model, restored } = this;
    this.axes.build();
    this.setCode(this.z);
    const state = (now) => {
      const waits = now.encoded < now.total || now.scored < now.total;
      this.progress.hidden = !waits;
      this.progress.value = (now.encoded + now.scored) / (2 * now.total);
      this.state.textContent = now.encoded < now.total ? `Encoding ${now.encoded.toLocaleString("en")} of ${now.total.toLocaleString("en")}` : now.scored < now.total ? `Scoring ${now.scored.toLocaleString("en")} of ${now.total.toLocaleString("en")}` : `${now.total.toLocaleString("en")} examples: ${model.points.title}`;
    };
    await model.load(state, () => this.ready(), () => this.scored());
    if (!model.progress) { this.state.textContent = model.note; this.setPlane(true); }
    if (restored.path?.stops) this.film.restore({ ...restored.path, stops: restored.path.stops.map((stop) => numbers(stop, model.size)).filter(Boolean) });
    this.element.dataset.ready = "yes";
    this.told.changed();
  }

  ready() {
    const { model, restored } = this;
    const names = model.axisNames.map((name, i) => [String(i), name]);
    const most = [...this.axes.parts()].map((part) => part.start);
    this.plane.fill([["principal", "principal axes"], ["axes", "two axes"]], "principal");
    if (restored.plane === undefined && model.size === 2) this.planeName = "axes";
    this.plane.select.value = this.planeName === "principal" ? "principal" : "axes";
    const pair = numbers(restored.pair, 2) ?? [most[0] ?? 0, most[1] ?? Math.min(1, model.size - 1)];
    this.first.fill(names, String(pair[0])); this.second.fill(names, String(pair[1]));
    this.fillColours();
    if (!numbers(restored.z, model.size)) this.z = model.code(0);
    this.axes.build();
    if (model.points.nats.reduce((sum, one) => sum + one, 0) < 0.05) tell("The code tells next to nothing of the examples: the model has collapsed.");
    this.setPlane(!numbers(restored.view, 3));
    if (numbers(restored.view, 3)) this.map.setView({ target: [restored.view[0], restored.view[1], 0], zoom: restored.view[2] });
    this.setCode(this.z);
  }

  scored() { this.fillColours(); this.paintPoints(); }

  fillColours() {
    const { model } = this, has = model.labels.some((label) => label >= 0);
    const columns = model.noun === "table" ? Object.entries(model.columns).map(([key, name]) => [`column:${key}`, name]) : [];
    const options = [...(has ? [["label", "label"]] : []), ...columns, ...(model.scores ? [["score", "score"]] : []), ["none", "nothing"]];
    const wanted = options.some(([key]) => key === this.wanted) ? this.wanted : columns.find(([key]) => model.words.includes(key.slice(7)))?.[0] ?? options[0][0];
    this.paintBy.fill(options, has && wanted === undefined ? "label" : wanted);
    this.colour = this.paintBy.select.value;
  }

  pickAxes() { this.planeName = "axes"; this.setPlane(true); }

  setPlane(fits) {
    const { model } = this, isPrincipal = this.planeName === "principal" && model.points;
    this.first.hidden = this.second.hidden = Boolean(isPrincipal);
    this.shown = isPrincipal ? model.principal() : model.axes(Number(this.first.select.value) || 0, Number(this.second.select.value || Math.min(1, model.size - 1)));
    if (model.size === 1) this.shown = new Plane([0], [[1], [0]], [model.axisNames[0], ""]);
    if (model.codes) { this.places = this.map.places = this.shown.all(model.codes, model.size); this.paintPoints(); }
    if (fits) this.map.fit();
    this.map.setHandle(this.shown.to(this.z));
    this.drawPath(this.film.stops.length > 1 ? this.film.codes : this.film.stops);
    this.told.changed();
  }

  async paintPoints() {
    const { model } = this;
    if (!this.places) return;
    const wanted = this.colour, paint = await model.paints(wanted), { classes, amounts } = paint, faint = MapView.faint();
    if (wanted !== this.colour) return; // another colour was chosen meanwhile
    const count = model.labels.length, colours = new Uint8Array(4 * count);
    if (amounts) {
      const sorted = amounts.filter(Number.isFinite).sort();
      paint.range = [sorted[Math.floor(0.01 * sorted.length)] ?? 0, sorted[Math.floor(0.99 * (sorted.length - 1))] ?? 1];
    }
    for (let n = 0; n < count; n++) {
      const [low, high] = paint.range ?? [0, 1];
      const colour = amounts ? amountRgb((amounts[n] - low) / (high - low || 1), dark.matches) : classRgb(classes ? classes[n] : 0);
      colours.set(this.chosen.size && !this.chosen.has(classes[n]) ? faint : [...colour, 255], 4 * n);
    }
    this.map.setPoints(this.places, colours);
    this.nameClasses(paint);
  }

  /** The legend, and names at the middles of the classes: colour alone says nothing. */
  nameClasses({ classes, names, range, unit, ends }) {
    const found = classes ? [...new Set(classes)].filter((one) => one >= 0).sort((a, b) => a - b) : [];
    if (range) this.legend.replaceChildren(make("span", {}, `${shortNumber(range[0])}${unit}${ends[0]}`), make("i.ramp", { "aria-hidden": "true" }), make("span", {}, `${shortNumber(range[1])}${unit}${ends[1]}`));
    else this.legend.replaceChildren(...found.slice(0, 40).map((one) => this.legendButton(one, names[one] ?? String(one))));
    this.map.setNames((found.length <= MOST_NAMES ? found : []).map((one) => {
      const middle = [0, 1].map((side) => [...classes.keys()].filter((n) => classes[n] === one).map((n) => this.places[2 * n + side]).sort((a, b) => a - b));
      return { name: names[one] ?? String(one), place: middle.map((values) => values[values.length >> 1]) };
    }));
  }

  legendButton(one, name) {
    const dot = make("i.dot", { "aria-hidden": "true" });
    dot.style.background = classColour(one);
    return make("button.key", { type: "button", "aria-pressed": String(this.chosen.has(one)), onclick: () => { this.chosen.delete(one) || this.chosen.add(one); this.paintPoints(); } }, dot, name);
  }

  /** Makes a code the one that is decoded; row: what it decodes to, where that is known. */
  setCode(z, { from = null, row = null, spread = null, centred = false } = {}) {
    this.z = Array.from(z);
    if (row) this.showDecoded(row); else this.decoding.ask(this.z);
    if (from !== this.axes) this.axes.set(this.z, true);
    if (this.shown) {
      const place = this.shown.to(this.z);
      this.map.setHandle(place);
      this.map.setSpread(spread ? { place, ...this.shown.ellipse(spread) } : null);
      const [x, y] = this.map.project(place), [width, height] = this.map.box;
      if (centred && (x < 0 || y < 0 || x > width || y > height)) this.map.setView({ ...this.map.view, target: [...place, 0] });
    }
    this.told.changed();
  }

  moveTo(place) { if (this.shown) this.setCode(tidied(this.shown.moved(this.z, place), this.model.blocks)); }

  pick(index) {
    this.at = index;
    this.setCode(this.model.code(index));
    this.map.mark(index);
    this.hole?.take(index);
  }

  step(by) {
    if (!this.places) return;
    const count = this.model.labels.length;
    this.at = (this.at + by + count) % count;
    this.pick(this.at);
    const [x, y] = this.map.project([this.places[2 * this.at], this.places[2 * this.at + 1]]);
    this.hovered(this.at, x, y);
    tell(`Example ${this.at + 1}${this.model.labelOf(this.at) ? `, ${this.model.labelOf(this.at)}` : ""}`);
  }

  hovered(index, x, y) {
    if (index < 0) { this.hideCard(); return; }
    this.cardAt = [x, y];
    this.hoveredAt = index;
    this.map.mark(index);
    this.hovering.ask(index);
    this.told.hovered(index);
  }

  hideCard() { this.hoveredAt = -1; this.card.hidden = true; if (this.map.marked !== this.at) this.map.mark(this.at); }

  async showExample(index) {
    const { model } = this, row = await model.example(index), made = await model.reconstruct(row);
    if (this.hoveredAt !== index) return;
    const score = model.scores ? ` · ${model.scores[index].toFixed(1)} nats` : "";
    this.cardTitle.textContent = `${model.labelOf(index) || `Example ${index + 1}`}${score}`;
    show(model, this.cardPair, [["Example", row], ["Reconstruction", made]]);
    this.card.hidden = false;
    this.placeCard();
  }

  /** Puts the card beside its example, on the side with more room, and within the map. */
  placeCard() {
    const size = [this.card.offsetWidth, this.card.offsetHeight];
    const [left, top] = this.map.box.map((room, i) => {
      const wanted = this.cardAt[i] > room / 2 ? this.cardAt[i] - size[i] - 14 : this.cardAt[i] + 14;
      return Math.max(6, Math.min(room - size[i] - 6, wanted));
    });
    this.card.style.transform = `translate(${left}px, ${top}px)`;
  }

  showDecoded(row) { show(this.model, this.decoded, [["", row]]); this.element.dataset.decoded = String(Number(this.element.dataset.decoded ?? 0) + 1); }

  drawPath(codes) { if (this.shown) this.map.setStops(codes.map((z) => this.shown.to(z))); }

  /** What a link restores. */
  link() {
    const { map } = this, [x, y] = map.view.target;
    return {
      plane: this.planeName, pair: [Number(this.first.select.value) || 0, Number(this.second.select.value) || 0], colour: this.colour, view: [x, y, map.view.zoom], z: this.z, tab: this.tab,
      ...(this.film.stops.length ? { path: { stops: this.film.stops, spherical: this.film.spherical, steps: this.film.steps } } : {}),
    };
  }
}
