"""Every preset trains, measures itself and exports: on the data it names where they are, else on what is embedded."""

from pathlib import Path

import pytest

from vae_tf.config_sources import list_presets, resolve_config

SHARED = Path(__file__).parents[3] / "shared" / "tfds"
LINES = "\n".join(f"the {a} {b} the {c}" for a in ("cat", "dog", "owl") for b in ("saw", "met") for c in ("fox", "hen", "elk"))
SMALL = {"mnist_vamp": ["model.latents[0].prior.num_components=20"], "mnist_semi": ["objective.num_labels=10"]}
"""What 512 examples are too few for."""


@pytest.mark.parametrize("preset", sorted(list_presets()))
def test_a_preset_trains_and_exports(preset, run_cli, parse, tmp_path):
    name = resolve_config(preset).data.dataset
    data = ["--data-dir", SHARED]
    if name != "digits" and not (SHARED / name).is_dir():
        lines = tmp_path / "lines.txt"
        lines.write_text("\n".join([LINES] * 10))
        data = ["--dataset", f"text:{lines}" if "text" in preset else "digits"]
    settings = [argument for setting in SMALL.get(preset, []) for argument in ("--set", setting)]
    small = ["--epochs", "1", "--limit", "512", "--set", "evaluation.num_samples=2", *settings]
    code, out, err = run_cli("train", "--preset", preset, "--run-dir", tmp_path / "run", *data, *small, "--json")
    assert code == 0, err
    results = parse(out)
    assert results["epochs"] == 1
    assert results["negative_elbo"] > 0
    code, out, err = run_cli("export", tmp_path / "run", "--output", tmp_path / "models", "--check", "--json")
    assert code == 0, err  # the export compares every signature, run apart, with the live model
    checks = parse(out)["checks"]
    assert {check["name"] for check in checks} >= {"serving_default", "encode", "decode", "sample"}
