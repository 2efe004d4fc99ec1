"""Keep a version's artefacts: `python tests/golden/make.py v0.1` trains the runs of runs.yaml and writes tests/golden/v0.1.

Run it from the root of the repository, with the version whose artefacts are to be kept.
"""

import json
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np
import yaml
from answers import answer_bounds, answer_model, answer_objective, answer_signatures

from vae_tf.cli import main
from vae_tf.config import RunConfig
from vae_tf.config_sources import merge

HERE = Path(__file__).parent
KEPT = ("config.yaml", "dataset.json", "results.json", "metrics.jsonl", "environment.json", "model.keras", "checkpoints")
EXPORTED = ("joint", "text")
RESUMED = "gaussian"
NUM_EXAMPLES = 5
PLACES = {"network", "latents", "prior", "likelihood", "scale_kind", "kl_kind", "kl_weight", "temperature", "learning_rate"}
PLACES |= {"objective", "precision", "binarization", "normalization"}
REFUSED = {("learning_rate", "stepwise")}
"""What the schema takes and validation does not."""


def call(*arguments: Any) -> None:
    """Run a command of the command line in this process.

    Raises:
        RuntimeError: it failed.
    """
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as stopped:
        if stopped.code:
            raise RuntimeError(f"{arguments} ended with {stopped.code}") from stopped


def used_kinds(node: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Give every (place, kind) of a configuration, e.g. ("latents", "gaussian")."""
    if isinstance(node, dict):
        yield place, str(node.get("kind"))
        for key, value in node.items():
            yield from used_kinds(value, key)
    elif isinstance(node, list):
        for item in node:
            yield from used_kinds(item, place)
    else:
        yield place, str(node)


def known_kinds() -> set[tuple[str, str]]:
    """Return every (place, kind) that this version's configuration takes, by its JSON schema."""
    found = set()
    schema = RunConfig.model_json_schema()
    for definition in (schema, *schema["$defs"].values()):
        for place in PLACES & set(definition.get("properties", {})):
            field = definition["properties"][place]
            field = field.get("items", field)
            kinds = field.get("enum") or field.get("discriminator", {}).get("mapping", ())
            found |= {(place, kind) for kind in kinds}
    return found


def pack(file: Path) -> None:
    """Compress a zip file's content, which stays the same: Keras and NumPy store theirs as it is."""
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def keep_run(settings: dict[str, Any], trained: Path, kept: Path) -> None:
    """Train a run by the command line and keep what opening it needs; pictures and logs are left behind."""
    file = trained.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(settings))
    call("train", "--config", file, "--run-dir", trained)
    kept.mkdir(parents=True)
    for name in KEPT:
        copy = shutil.copytree if (trained / name).is_dir() else shutil.copyfile
        copy(trained / name, kept / name)
    for packed in (kept / "model.keras", *kept.glob("checkpoints/*.npz")):
        pack(packed)
    environment = json.loads((kept / "environment.json").read_text())
    kept_keys = ("python", "packages")
    (kept / "environment.json").write_text(json.dumps({key: environment[key] for key in kept_keys}, indent=2) + "\n")


def keep_answers(kept: Path) -> None:
    """Ask the model, as opened from the run directory, and keep inputs and answers."""
    from vae_tf.data import load_dataset
    from vae_tf.data.pipeline import gather_examples
    from vae_tf.training import load_run

    loaded = load_run(kept)
    x, labels = gather_examples(load_dataset(loaded.config.data), "test", NUM_EXAMPLES)
    z = loaded.vae.draw(3, (7, 8)).numpy() + np.float32(0.01)
    inputs = {"x": np.asarray(x), "labels": np.asarray(labels), "z": z}
    answers = answer_model(loaded.vae, inputs) | answer_bounds(loaded.vae, inputs) | answer_objective(loaded.vae, inputs)
    np.savez_compressed(kept / "inputs.npz", **inputs)
    np.savez_compressed(kept / "expected.npz", **answers)


def keep_servable(kept: Path) -> None:
    """Export the run and keep the answers of its signatures to requests with different rows."""
    import tensorflow as tf

    from vae_tf.export.check import random_request
    from vae_tf.export.signatures import make_signatures
    from vae_tf.training import load_run

    loaded = load_run(kept)
    requests = {
        f"{signature.name}/{name}": value.astype(np.bytes_) if value.dtype == object else value
        for signature in make_signatures(loaded.vae, loaded.spec)
        for name, value in random_request(signature, 3).items()
    }
    np.savez_compressed(kept / "requests.npz", **requests)
    with tempfile.TemporaryDirectory() as folder:
        call("export", kept, "--name", "servable", "--output", folder)
        servable = Path(folder) / "servable" / "1"
        served = answer_signatures(tf.saved_model.load(str(servable)), requests)
        shutil.make_archive(str(kept / "servable"), "zip", servable)
    np.savez_compressed(kept / "served.npz", **served)


def keep_resumed(trained: Path, kept: Path) -> None:
    """Train the run for one more epoch and keep that epoch's metrics."""
    call("train", "--resume", "--run-dir", trained, "--epochs", 2)
    last = (trained / "metrics.jsonl").read_text().splitlines()[-1]
    (kept / "resumed.json").write_text(last + "\n")


def make(version: str) -> None:
    """Make the folder of a version.

    Raises:
        SystemExit: it is there already, or no run has a kind that this version knows.
    """
    plan = yaml.safe_load((HERE / "runs.yaml").read_text("utf-8"))
    runs = {name: merge(plan["base"], run) for name, run in plan["runs"].items()}
    configs = [RunConfig.model_validate(run).model_dump(mode="json") for run in runs.values()]
    missing = known_kinds() - set(used_kinds(configs)) - REFUSED
    if missing or (HERE / version).exists():
        sys.exit(f"runs.yaml lacks {sorted(missing)}." if missing else f"{HERE / version} is there: remove it first.")
    with tempfile.TemporaryDirectory() as folder:
        for name, run in runs.items():
            trained, kept = Path(folder) / name, HERE / version / name
            keep_run(run, trained, kept)
            keep_answers(kept)
            if name in EXPORTED:
                keep_servable(kept)
            if name == RESUMED:
                keep_resumed(trained, kept)


if __name__ == "__main__":
    make(*sys.argv[1:])
