/** Asks the server: what there is, and the model's signatures. */

async function answerOf(response) {
  if (response.ok) return response;
  let message = `The server answered ${response.status}.`;
  try { message = (await response.json()).error || message; } catch { /* no JSON: the status says it */ }
  throw new Error(message);
}

export const getJson = async (path) => (await answerOf(await fetch(path))).json();
export const getBytes = async (path) => (await answerOf(await fetch(path))).arrayBuffer();

/** Runs a signature on columns of inputs; gives its outputs by name, also where there is one alone. */
export async function predict(model, signature, inputs) {
  const rows = Object.values(inputs)[0].length;
  const wanted = model.signatures[signature];
  const all = wanted.includes("label") && !inputs.label ? { ...inputs, label: Array(rows).fill(-1) } : inputs;
  const response = await answerOf(await fetch(`/v1/models/${encodeURIComponent(model.key)}:predict`, {
    method: "POST", body: JSON.stringify({ signature_name: signature, inputs: all }),
  }));
  const { outputs } = await response.json();
  return model.outputs[signature].length === 1 ? { [model.outputs[signature][0]]: outputs } : outputs;
}

export async function readFile(model, name, content) {
  const path = `/explorer/${encodeURIComponent(model.key)}/read?name=${encodeURIComponent(name)}`;
  return (await answerOf(await fetch(path, { method: "POST", body: content }))).json();
}
