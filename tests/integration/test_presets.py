"""Every preset trains, measures itself and exports: on the data it names where they are, else on what is embedded."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from vae_tf.config_sources import list_presets, resolve_config
from vae_tf.data import list_datasets
from vae_tf.export.check import compare_answers, random_request
from vae_tf.export.signatures import make_signatures
from vae_tf.training import load_run

SHARED = Path(__file__).parents[3] / "shared" / "tfds"
LINES = "\n".join(f"the {a} {b} the {c}" for a in ("cat", "dog", "owl") for b in ("saw", "met") for c in ("fox", "hen", "elk"))
SMALL = {
    "mnist_vamp": ["model.latents[0].prior.num_components=20"],
    "mnist_semi": ["objective.num_labels=10"],
    "text": ["data.max_length=12"],
    "text_categorical": ["data.max_length=12"],
}
"""What 512 examples are too few for, or takes long."""


EMBEDDED = {name for name in list_datasets() if name.islower()}
ALWAYS = ("digits", "mnist_conditional", "mnist_ladder", "text")
"""One of every kind of servable; the others take minutes more."""


@pytest.mark.parametrize("preset", sorted(list_presets()))
def test_a_preset_trains_and_exports(preset, run_cli, parse, tmp_path):
    if preset not in ALWAYS and not os.environ.get("VAE_TF_PRESETS"):
        pytest.skip("set VAE_TF_PRESETS=1 to train and export every preset: several minutes more")
    name = resolve_config(preset).data.dataset
    data = ["--data-dir", SHARED]
    if name not in EMBEDDED and not (SHARED / name).is_dir():
        lines = tmp_path / "lines.txt"
        lines.write_text("\n".join([LINES] * 10))
        data = ["--dataset", f"text:{lines}" if "text" in preset else "digits"]
    settings = [argument for setting in SMALL.get(preset, []) for argument in ("--set", setting)]
    small = ["--epochs", "1", "--limit", "512", "--set", "evaluation.num_samples=2", *settings]
    code, out, err = run_cli("train", "--preset", preset, "--run-dir", tmp_path / "run", *data, *small, "--json")
    assert code == 0, err
    results = parse(out)
    assert results["epochs"] == 1
    assert math.isfinite(results["negative_elbo"])
    assert results["negative_elbo"] > 0 or preset == "waves"  # a density may be above one
    code, out, err = run_cli("export", tmp_path / "run", "--output", tmp_path / "models", "--json")
    assert code == 0, err
    served = tf.saved_model.load(parse(out)["path"])
    loaded = load_run(tmp_path / "run")
    signatures = make_signatures(loaded.vae, loaded.spec)
    assert {signature.name for signature in signatures} == set(served.signatures)
    for signature in signatures:
        request = random_request(signature)
        answers = served.signatures[signature.name](**{name: tf.constant(value) for name, value in request.items()})
        assert set(answers) == set(signature.output_docs)
        assert compare_answers(signature, request, answers) < np.inf
