/** What a view is, in the link: the part after #, one piece of JSON a model. */

const rounded = (key, value) => (typeof value === "number" ? Number(value.toPrecision(6)) : value);

export function readState(place) {
  try {
    const found = new URLSearchParams(location.hash.slice(1)).get(`m${place}`);
    const state = found ? JSON.parse(found) : {};
    return state && typeof state === "object" && !Array.isArray(state) ? state : {};
  } catch { return {}; }
}

let timer = 0;
export function writeState(states) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    const written = new URLSearchParams(states.map((state, place) => [`m${place}`, JSON.stringify(state, rounded)]));
    history.replaceState(null, "", `#${written}`);
  }, 150);
}

/** Numbers of a link that are numbers, as many as are wanted; else nothing. */
export const numbers = (value, count) => (Array.isArray(value) && value.length === count && value.every(Number.isFinite) ? value : null);
