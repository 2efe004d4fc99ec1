"""ONNX files of every preset beside their SavedModels: `python benchmarks/onnx_presets.py [PRESET ...]` prints a table.

Weights are as they begin: what converts, and by how much answers differ, is a matter of operations. MNIST's presets are
built for the embedded digits, those of texts for a few lines.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from vae_tf.config_sources import list_presets, resolve_config
from vae_tf.data import list_datasets, load_dataset
from vae_tf.export.onnx_check import first_rows
from vae_tf.export.onnx_files import OnnxFiles, OnnxReport
from vae_tf.export.servable import export_vae
from vae_tf.models.build import build_vae

LINES = "".join(f"the {a} {b} the {c}\n" for a in ("cat", "dog", "owl") for b in ("saw", "met") for c in ("fox", "hen", "elk"))
SMALL = {
    "mnist_vamp": ["model.latents[0].prior.num_components=20"],
    "mnist_semi": ["objective.num_labels=10"],
    "text": ["data.max_length=12"],
    "text_categorical": ["data.max_length=12"],
}
WANTED = ("encode", "decode", "reconstruct", "interpolate", "sample", "score")


def convert(preset: str, folder: Path) -> OnnxReport:
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
    return OnnxFiles(first_rows(dataset))(path, vae, dataset.spec)


def main() -> None:
    """Print a row a preset."""
    heads = "preset", "files", "largest difference", "kB", "ms a row: `encode`, `decode`", "SavedModel's", "no file"
    print(f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|")
    for preset in sys.argv[1:] or sorted(list_presets()):
        with tempfile.TemporaryDirectory() as folder:
            report = convert(preset, Path(folder))
        found = {name: file.comparison for name, file in report.files.items()}
        largest = max(one.largest_difference for one in found.values())
        size = sum(file.num_bytes for file in report.files.values()) / 1000
        pair = [found[name] for name in ("encode", "decode") if name in found]
        times = (
            ", ".join(f"{one.milliseconds:.2f}" for one in pair),
            ", ".join(f"{one.saved_model_milliseconds:.2f}" for one in pair),
        )
        left = "; ".join(
            f"`{name}`: {report.not_converted[name].partition(':')[0]}" for name in WANTED if name in report.not_converted
        )
        print(
            f"| `{preset}` | {len(found)} | {largest:.0e} | {size:,.0f} | {times[0]} | {times[1]} | {left or '-'} |", flush=True
        )


if __name__ == "__main__":
    main()
