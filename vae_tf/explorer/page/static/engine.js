/** Runs ONNX files by ONNX Runtime Web, in WebAssembly, one after another. */

import * as ort from "./vendor/ort.js";

const ARRAYS = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array, bool: Uint8Array };
const sessions = new Map();
let started = null, last = Promise.resolve();

/** The runtime is packed: any host can give it as it is. */
async function start() {
  const response = await fetch("vendor/ort.wasm.gz");
  if (!response.ok) throw new Error(`vendor/ort.wasm.gz is not there: ${response.status}.`);
  const unpacked = response.body.pipeThrough(new DecompressionStream("gzip"));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await new Response(unpacked).arrayBuffer();
}

async function session(path) {
  started ??= start();
  await started;
  if (!sessions.has(path)) sessions.set(path, ort.InferenceSession.create(path, { logSeverityLevel: 3 }));
  return sessions.get(path);
}

function tensorOf({ dtype, dims, values }) {
  const plain = dtype === "int64" ? BigInt64Array.from(values, (value) => BigInt(Math.round(value))) : ARRAYS[dtype].from(values, (value) => value ?? NaN);
  return new ort.Tensor(dtype, plain, dims);
}

/** feeds: [{name, dtype, dims, values}]; gives outputs in that form, without their types. */
export function run(path, feeds) {
  const asked = last.then(async () => {
    const one = await session(path);
    const outputs = await one.run(Object.fromEntries(feeds.map((feed) => [feed.name, tensorOf(feed)])));
    return one.outputNames.map((name) => ({ name, values: Array.from(outputs[name].data, Number), dims: outputs[name].dims }));
  });
  last = asked.catch(() => {});
  return asked;
}
