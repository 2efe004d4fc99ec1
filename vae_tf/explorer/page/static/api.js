/** Answers as the server does, without one: data are files, signatures are ONNX files that run here. */

import { run } from "./engine.js";
import { cellsOf, columnsOf, noise, nested, numbersOf, textsOf, tokensOf } from "./forms.js";
import { read } from "./reading.js";

const ROWS = { x: "", reconstruction: "", nats: "_nats" };
const kept = new Map();

async function file(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path} is not there: ${response.status}.`);
  return response;
}

function loaded(path) {
  if (!kept.has(path)) kept.set(path, file(path).then((response) => response.json()));
  return kept.get(path);
}

export async function getJson(path) {
  const [key, what, which] = path.replace("/explorer/", "").split("/");
  if (!what) return loaded("data/models.json");
  if (what === "examples") return (await loaded(`data/${key}/examples.json`))[Number(which)];
  if (what === "columns") return (await loaded(`data/${key}/examples.json`)).map((row) => row[decodeURIComponent(which)]);
  return loaded(`data/${key}/${what}.json`);
}

export async function getBytes(path) {
  const [key, what] = path.replace("/explorer/", "").split("/");
  return (await file(`data/${key}/${what}.bin`)).arrayBuffer();
}

/** Runs a signature on columns of inputs; gives its outputs by name. */
export async function predict(model, signature, inputs) {
  const name = signature.replace(/_text$/, ""), count = Object.values(inputs)[0].length;
  const feeds = Object.entries(model.files[name].inputs).map(([input, { dtype, shape }]) => {
    const size = shape.slice(1).reduce((a, b) => a * b, 1);
    return { name: input, dtype, dims: [count, ...shape.slice(1)], values: valuesOf(model, input, inputs, count, size) };
  });
  const outputs = {};
  for (const { name: output, values, dims } of await run(`data/${model.key}/${model.files[name].file}`, feeds)) {
    const rows = nested(values, dims);
    if (model.cells && output in ROWS) Object.assign(outputs, columnsOf(model, rows, ROWS[output]));
    else outputs[output] = rows;
    if (model.vocabulary && (output === "x" || output === "reconstruction")) outputs[output === "x" ? "text" : "reconstruction_text"] = textsOf(model, rows);
  }
  return outputs;
}

function valuesOf(model, input, inputs, count, size) {
  if (input === "label") return inputs.label ?? Array(count).fill(-1);
  if (input === "normal" || input === "uniform") return inputs.seed.flatMap((seed) => noise(input, seed, size));
  if (input === "x" && model.cells) return numbersOf(model, inputs, count);
  if (input === "x" && inputs.text) return inputs.text.flatMap((text) => tokensOf(model, text));
  return inputs[input].flat(Infinity);
}

export const readFile = (model, name, content) => read(model, name, content, cellsOf);
