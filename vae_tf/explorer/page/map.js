/** The map: deck.gl's points, and over them the point that is decoded, paths, ellipses and names. Pan, zoom, hover, drag. */

import { make, makeSvg } from "./dom.js";
import { styleColour } from "./palette.js";

const { Deck, OrthographicView, ScatterplotLayer } = globalThis.deck ?? {};
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class MapView {
  /** told: what to call: hovered(index, x, y), picked(index), moved(place), viewed(). */
  constructor(name, told) {
    this.told = told;
    this.places = new Float32Array(0); this.colours = new Uint8Array(0);
    this.view = { target: [0, 0, 0], zoom: 6 };
    this.handleAt = [0, 0]; this.stops = []; this.spread = null; this.names = []; this.marked = -1;
    this.overlay = makeSvg("svg", { class: "overlay", "aria-hidden": "true" });
    this.handle = make("button.handle", { type: "button", "aria-label": `Point to decode in ${name}. Drag it, or move it by the arrow keys; shift makes larger steps.` });
    this.canvasPlace = make("div.canvas");
    this.element = make("div.map", {}, this.canvasPlace, this.overlay, this.handle);
    this.watchHandle();
  }

  start() {
    if (!Deck) throw new Error("The map's library did not load.");
    this.deck = new Deck({
      parent: this.canvasPlace, views: new OrthographicView({ id: "map", flipY: false, controller: { scrollZoom: { speed: 0.02, smooth: false }, doubleClickZoom: false, keyboard: false, inertia: 200 } }),
      viewState: this.view, layers: [], pickingRadius: 4, useDevicePixels: true,
      onViewStateChange: ({ viewState }) => { this.setView({ target: viewState.target, zoom: Math.min(24, Math.max(-10, viewState.zoom)) }); this.told.viewed(); },
      onHover: ({ index, x, y }) => this.told.hovered(index, x, y),
      onClick: ({ index, x, y }) => (index >= 0 ? this.told.picked(index) : this.told.moved(this.unproject([x, y]))),
      getCursor: ({ isDragging, isHovering }) => (isDragging ? "grabbing" : isHovering ? "pointer" : "grab"),
      onError: (error) => this.told.failed(error),
    });
    new ResizeObserver(() => this.drawOver()).observe(this.element);
  }

  get box() { return [this.element.clientWidth, this.element.clientHeight]; }

  project([x, y]) {
    const scale = 2 ** this.view.zoom, [width, height] = this.box;
    return [width / 2 + (x - this.view.target[0]) * scale, height / 2 - (y - this.view.target[1]) * scale];
  }

  unproject([x, y]) {
    const scale = 2 ** this.view.zoom, [width, height] = this.box;
    return [this.view.target[0] + (x - width / 2) / scale, this.view.target[1] - (y - height / 2) / scale];
  }

  setView(view) {
    this.view = view;
    this.deck.setProps({ viewState: view });
    this.drawOver();
  }

  zoomBy(step) { this.setView({ ...this.view, zoom: this.view.zoom + step }); this.told.viewed(); }

  /** Shows all points, but for the outermost hundredth on each side. */
  fit() {
    const [width, height] = this.box, count = this.places.length / 2;
    if (!count) { this.setView({ target: [0, 0, 0], zoom: Math.log2(Math.min(width, height) / 8) }); return; }
    const ends = [0, 1].map((side) => {
      const sorted = Float32Array.from({ length: count }, (_, n) => this.places[2 * n + side]).sort();
      return [sorted[Math.floor(count * 0.003)], sorted[Math.ceil(count * 0.997) - 1]];
    });
    const size = ends.map(([low, high]) => Math.max(high - low, 1e-6));
    const zoom = Math.log2(Math.min((width * 0.86) / size[0], (height * 0.86) / size[1]));
    this.setView({ target: [(ends[0][0] + ends[0][1]) / 2, (ends[1][0] + ends[1][1]) / 2, 0], zoom });
  }

  setPoints(places, colours) { this.places = places; this.colours = colours; this.drawPoints(); }
  setColours(colours) { this.colours = colours; this.drawPoints(); }
  mark(index) { this.marked = index; this.drawOver(); }
  setHandle(place) { this.handleAt = place; this.drawOver(); }
  setStops(places) { this.stops = places; this.drawOver(); }
  setSpread(spread) { this.spread = spread; this.drawOver(); }
  setNames(names) { this.names = names; this.drawOver(); }

  drawPoints() {
    const length = this.places.length / 2;
    const radius = length > 20000 ? 1.8 : length > 3000 ? 2.6 : length > 600 ? 3.6 : 5;
    this.deck.setProps({ layers: [new ScatterplotLayer({
      id: "points", radiusUnits: "pixels", getRadius: radius, radiusMaxPixels: 12, pickable: true, stroked: false, opacity: 0.85,
      autoHighlight: true, highlightColor: [255, 255, 255, 160],
      data: { length, attributes: { getPosition: { value: this.places, size: 2 }, getFillColor: { value: this.colours, size: 4, normalized: true } } },
    })] });
    this.drawOver();
  }

  drawOver() {
    if (!this.deck) return;
    const [x, y] = this.project(this.handleAt);
    this.handle.style.transform = `translate(${x}px, ${y}px)`;
    const parts = [];
    if (this.stops.length) {
      const line = this.stops.map((place) => this.project(place));
      const points = line.map((one) => one.join(",")).join(" ");
      parts.push(makeSvg("polyline", { class: "path under", points }), makeSvg("polyline", { class: "path", points }));
      for (const [cx, cy] of [line[0], line.at(-1)]) parts.push(makeSvg("circle", { class: "stop", cx, cy, r: 5 }));
    }
    if (this.spread) parts.push(this.drawSpread());
    if (this.marked >= 0) {
      const [mx, my] = this.project([this.places[2 * this.marked], this.places[2 * this.marked + 1]]);
      parts.push(makeSvg("circle", { class: "marked", cx: mx, cy: my, r: 9 }));
    }
    for (const { name, place } of this.names) {
      const [tx, ty] = this.project(place), text = makeSvg("text", { class: "name", x: tx, y: ty });
      text.textContent = name;
      parts.push(text);
    }
    this.overlay.replaceChildren(...parts);
  }

  drawSpread() {
    const { place, rx, ry, angle } = this.spread, [x, y] = this.project(place), scale = 2 ** this.view.zoom;
    const turn = `rotate(${(-angle * 180) / Math.PI} ${x} ${y})`;
    return makeSvg("ellipse", { class: "spread", cx: x, cy: y, rx: Math.max(2, rx * scale), ry: Math.max(2, ry * scale), transform: turn });
  }

  watchHandle() {
    const { handle } = this;
    handle.addEventListener("pointerdown", (event) => { handle.setPointerCapture(event.pointerId); this.held = true; event.preventDefault(); handle.focus(); });
    handle.addEventListener("pointermove", (event) => {
      if (!this.held) return;
      const box = this.element.getBoundingClientRect();
      this.told.moved(this.unproject([event.clientX - box.left, event.clientY - box.top]));
    });
    for (const end of ["pointerup", "pointercancel"]) handle.addEventListener(end, () => { this.held = false; });
    handle.addEventListener("keydown", (event) => {
      const way = KEYS[event.key];
      if (!way) return;
      event.preventDefault();
      const step = (event.shiftKey ? 40 : 8) / 2 ** this.view.zoom;
      this.told.moved([this.handleAt[0] + way[0] * step, this.handleAt[1] + way[1] * step]);
    });
  }

  /** The colour of what is not chosen, as the style has it now. */
  static faint() { return styleColour("--faint").split(",").map(Number); }
}
