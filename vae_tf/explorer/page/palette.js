/** Colours that the colour-blind tell apart: Petroff's ten (arXiv:2107.02270) for classes, cividis for amounts. */

const CLASSES = ["#3f90da", "#ffa90e", "#bd1f01", "#832db6", "#2b8c6b", "#a96b59", "#e76300", "#92dadd", "#717581", "#b9ac70"];
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
export const classColour = (label) => CLASSES[label % CLASSES.length];
export const classRgb = (label) => (label < 0 ? [130, 136, 146] : rgb(classColour(label)));

/** The colour of a share from 0 to 1; of cividis, the end that the page's own colour would hide is left out. */
export function amountRgb(share, isDark) {
  if (!Number.isFinite(share)) return [130, 136, 146];
  const [first, last] = isDark ? [2, 9] : [0, 8], at = first + Math.min(1, Math.max(0, share)) * (last - first);
  const [low, high] = [rgb(CIVIDIS[Math.floor(at)]), rgb(CIVIDIS[Math.ceil(at)])];
  return low.map((value, i) => Math.round(value + (high[i] - value) * (at % 1)));
}

/** A colour of the style sheet, as it is now: light or dark. */
export const styleColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
