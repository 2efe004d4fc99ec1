/** Starts the page: asks which models there are, and gives each its place. */

import { getJson } from "./api.js";
import { Explorer } from "./explorer.js";
import { Model } from "./model.js";
import { readState, writeState } from "./state.js";
import { tell } from "./telling.js";

const subjects = document.getElementById("subjects");
const explorers = [];
let started = false;

const changed = () => { if (started) writeState(explorers.map((one) => one.link())); };

/** Two models of the same examples point at the same one. */
function hovered(from, index) {
  for (const other of explorers) if (other !== from && other.model.points?.title === from.model.points?.title) other.map.mark(index);
}

async function start() {
  const models = (await getJson("/explorer/models")).map((told) => new Model(told));
  subjects.replaceChildren();
  subjects.classList.toggle("two", models.length > 1);
  models.forEach((model, place) => {
    const explorer = new Explorer(model, readState(place), { changed, hovered: (index) => hovered(explorer, index), isOneOfTwo: models.length > 1 });
    explorers.push(explorer);
    subjects.append(explorer.element);
  });
  document.getElementById("models").textContent = models.length > 1 ? `${models.map((model) => model.title).join(" and ")}, side by side` : "every point of the map is an example; drag the ring to decode any other";
  document.title = `${models.map((model) => model.title).join(", ")} - Explorer`;
  subjects.setAttribute("aria-busy", "false");
  await Promise.all(explorers.map((explorer) => explorer.start()));
  started = true;
  subjects.dataset.ready = "yes";
  changed();
}

document.getElementById("share").addEventListener("click", async () => {
  try { await navigator.clipboard.writeText(location.href); tell("The link is copied."); } catch { tell("The address of the page is the link."); }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const one of explorers) { one.paintPoints(); one.setCode(one.z); } });
addEventListener("hashchange", () => location.reload());
globalThis.explorers = explorers;
start().catch((error) => { subjects.setAttribute("aria-busy", "false"); tell(error.message); subjects.append(Object.assign(document.createElement("p"), { className: "waiting", textContent: error.message })); });
