"""ONNX or LiteRT files of every preset beside their SavedModels: `python benchmarks/graph_presets.py onnx -o FILE.json`.

Weights are as they begin: what converts, and by how much answers differ, is a matter of operations. MNIST's presets are
built for the embedded digits, those of texts for a few lines.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from vae_tf.config_sources import list_presets, resolve_config
from vae_tf.data import list_datasets, load_dataset
from vae_tf.errors import UserValueError
from vae_tf.export.graph_check import first_rows
from vae_tf.export.graph_files import GraphFiles, GraphReport
from vae_tf.export.graph_format import GraphFormat
from vae_tf.export.litert_graph import LiteRt
from vae_tf.export.onnx_graph import Onnx
from vae_tf.export.servable import export_vae
from vae_tf.models.build import build_vae

LINES = "".join(f"the {a} {b} the {c}\n" for a in ("cat", "dog", "owl") for b in ("saw", "met") for c in ("fox", "hen", "elk"))
SMALL = {
    "mnist_vamp": ["model.latents[0].prior.num_components=20"],
    "mnist_semi": ["objective.num_labels=10"],
    "text": ["data.max_length=12"],
    "text_categorical": ["data.max_length=12"],
}
FORMATS = {"onnx": Onnx, "litert": LiteRt}
WANTED = ("encode", "decode", "reconstruct", "interpolate", "sample", "score")


def convert(form: GraphFormat, preset: str, folder: Path) -> GraphReport:
    """Build a preset's model and write its files."""
    lines = folder / "lines.txt"
    lines.write_text(LINES * 10)
    settings = ["data.limit=64", *SMALL.get(preset, [])]
    embedded = {name for name in list_datasets() if name.islower()}
    name = resolve_config(preset).data.dataset
    data = {} if name in embedded else {"data.dataset": f"text:{lines}" if "text" in preset else "digits"}
    config = resolve_config(preset, overrides=settings, options=data)
    dataset = load_dataset(config.data)
    vae = build_vae(config.model, dataset.spec, config.seed, config.objective)
    path = export_vae(vae, dataset.spec, folder, "model").path
    try:
        return GraphFiles(form, first_rows(dataset))(path, vae, dataset.spec)
    except UserValueError as error:  # there are none
        return GraphReport(form.name, form.runtime, "", {}, {"all": str(error).partition(": ")[2]})


def row(preset: str, report: GraphReport) -> dict[str, Any]:
    """Return a preset's row."""
    found = {name: file.comparison for name, file in report.files.items()}
    times = {
        name: [found[name].milliseconds, found[name].saved_model_milliseconds] for name in ("encode", "decode") if name in found
    }
    return {
        "preset": preset,
        "files": sorted(found),
        "largest_difference": max((one.largest_difference for one in found.values()), default=None),
        "num_bytes": sum(file.num_bytes for file in report.files.values()),
        "milliseconds": times,
        "not_converted": {name: reason for name, reason in report.not_converted.items() if name in WANTED or not found},
    }


def main() -> None:
    """Write a row a preset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", choices=FORMATS)
    parser.add_argument("presets", nargs="*", help="default: all")
    parser.add_argument("-o", "--output", type=Path, required=True, help="FILE.json")
    arguments = parser.parse_args()
    rows = []
    for preset in arguments.presets or sorted(list_presets()):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(row(preset, convert(FORMATS[arguments.format](), preset, Path(folder))))
        print(json.dumps(rows[-1]), flush=True)
        arguments.output.write_text(json.dumps({"rows": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
