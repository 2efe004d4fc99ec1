/** Codes and the plane they are shown on: to it, back from it, along paths; and what keeps a code one of the model's. */

export class Plane {
  /** axes: two directions in z; centre: what lies at the plane's origin; names: of its axes. */
  constructor(centre, axes, names) { this.centre = centre; this.axes = axes; this.names = names; }

  static ofAxes(size, first, second, names) {
    const unit = (at) => Array.from({ length: size }, (_, i) => (i === at ? 1 : 0));
    return new Plane(Array(size).fill(0), [unit(first), unit(second)], [names[first], names[second]]);
  }

  to(z, offset = 0) {
    return this.axes.map((axis) => {
      let sum = 0;
      for (let i = 0; i < axis.length; i++) sum += axis[i] * (z[offset + i] - this.centre[i]);
      return sum;
    });
  }

  /** Moves a code so that it is shown at a place; what the plane does not show of it stays. */
  moved(z, place) {
    const now = this.to(z);
    return Array.from(z, (value, i) => value + this.axes[0][i] * (place[0] - now[0]) + this.axes[1][i] * (place[1] - now[1]));
  }

  /** All codes [N * size] on the plane, [N * 2]. */
  all(codes, size) {
    const places = new Float32Array((codes.length / size) * 2);
    for (let n = 0; n * size < codes.length; n++) places.set(this.to(codes, n * size), n * 2);
    return places;
  }

  /** The ellipse of one standard deviation: half axes and angle, of deviations by axis of z. */
  ellipse(spread) {
    const cov = [0, 0, 0];
    for (let i = 0; i < spread.length; i++) {
      const [a, b, v] = [this.axes[0][i], this.axes[1][i], spread[i] ** 2];
      cov[0] += a * a * v; cov[1] += a * b * v; cov[2] += b * b * v;
    }
    const middle = (cov[0] + cov[2]) / 2, apart = Math.hypot((cov[0] - cov[2]) / 2, cov[1]);
    return { rx: Math.sqrt(middle + apart), ry: Math.sqrt(Math.max(0, middle - apart)), angle: Math.atan2(2 * cov[1], cov[0] - cov[2]) / 2 };
  }
}

/** Keeps chances chances, after a move on the plane took them elsewhere. */
export function tidied(z, blocks) {
  const kept = Array.from(z);
  for (const { values, start, size, num_classes: classes } of blocks) {
    if (values === "continuous") continue;
    for (let i = start; i < start + size; i++) kept[i] = Math.min(1, Math.max(0, kept[i]));
    for (let at = start; values === "categorical" && at < start + size; at += classes) {
      const sum = kept.slice(at, at + classes).reduce((a, b) => a + b, 0);
      for (let i = at; i < at + classes; i++) kept[i] = sum > 0 ? kept[i] / sum : 1 / classes;
    }
  }
  return kept;
}

/** A point between two codes: straight, or on the sphere for continuous blocks (Shoemake 1985), which their prior lies near. */
export function between(from, to, share, spherical, blocks) {
  const z = from.map((value, i) => value + (to[i] - value) * share);
  for (const { values, start, size } of spherical ? blocks : []) {
    if (values !== "continuous") continue;
    const [a, b] = [from.slice(start, start + size), to.slice(start, start + size)];
    const [na, nb] = [Math.hypot(...a), Math.hypot(...b)];
    const cosine = na && nb ? a.reduce((sum, value, i) => sum + value * b[i], 0) / (na * nb) : 1;
    const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
    if (angle < 1e-4) continue;
    a.forEach((value, i) => { z[start + i] = (Math.sin((1 - share) * angle) * value + Math.sin(share * angle) * b[i]) / Math.sin(angle); });
  }
  return z;
}

/** The frames of a path through several codes. */
export function path(stops, steps, spherical, blocks) {
  const frames = [];
  for (let leg = 0; leg + 1 < stops.length; leg++) {
    for (let step = leg ? 1 : 0; step <= steps; step++) frames.push(between(stops[leg], stops[leg + 1], step / steps, spherical, blocks));
  }
  return frames;
}
