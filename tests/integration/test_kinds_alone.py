"""Every kind of every part trains by its name alone: its defaults are fit for the place it is put in."""

import math
import os

import numpy as np
import pytest

from vae_tf.parts.known import kinds

SMALL = [
    "--epochs",
    1,
    "--limit",
    60,
    "--batch-size",
    20,
    "--set",
    "evaluation.num_samples=2",
    "--set",
    "training.pictures_every=9",
]
KEYS = {
    "network": "model.network.kind",
    "latent": "model.latents[0].kind",
    "prior": "model.latents[0].prior.kind",
    "likelihood": "model.likelihood.kind",
    "objective": "objective.kind",
    "schedule": "training.learning_rate.kind",
    "augmentation": "training.augment",
}
ALWAYS = {
    "network": "conv",
    "latent": "bernoulli",
    "prior": "mixture",
    "likelihood": "gaussian",
    "objective": "iwae",
    "augmentation": "noise",
}
"""One of every slot, and all schedules as a rate; the others with VAE_TF_PRESETS=1."""
DISCRETE = ("exact", "gumbel_softmax", "rebar", "score_function", "st_gumbel_softmax", "straight_through", "vimco")
BESIDE = {
    **{f"objective {kind}": ["--latent", "categorical:2x4"] for kind in DISCRETE},
    "objective semi_supervised": ["--latent", "gaussian:2+categorical:1x10", "--limit", 400],
    "latent joint": ["--latent", "gaussian:2"],
    "prior vamp": ["--set", "model.latents[0].prior.num_components=5"],
}
"""What a kind is about, and so cannot be without."""
DATA = {"count": "topics", "token": "text:lines.txt", "mixed": "mixed.csv", "real": "waves"}
FITTING = {
    "network causal_conv": "waves",
    "network recurrent": "waves",
    "network transformer": "text:lines.txt",
    "augmentation mix": "numbers.csv",
    "augmentation mask": "waves",
    "augmentation colour": "grey.npz",
    "augmentation noise": "grey.npz",
}


def _cases():
    for slot in KEYS:
        for kind in kinds(slot):
            skipped = kind not in {"auto", ALWAYS.get(slot, kind)} and not os.environ.get("VAE_TF_PRESETS")
            marks = [pytest.mark.skip("with VAE_TF_PRESETS=1")] if skipped else []
            yield pytest.param(slot, kind, marks=marks, id=f"{slot}-{kind}")


def _data(slot, part, name):
    supports = getattr(part, "supports", ("binary",)) if slot == "likelihood" else ("binary",)
    fitting = next((DATA[one] for one in supports if one in DATA), "digits")
    return FITTING.get(name, "digits" if {"binary", "unit"} & {*supports} else fitting)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lines.txt").write_text(
        "\n".join(f"the {a} met the {b}" for a in ("cat", "dog") for b in ("fox", "elk", "owl")) * 12
    )
    rng = np.random.default_rng(0)
    rows = [f"{rng.normal():.2f},{rng.choice(['red', 'green'])},{rng.integers(9) or ''}" for _ in range(90)]
    np.savez(tmp_path / "grey.npz", x=rng.random((90, 6, 6, 1)).astype(np.float32))
    np.savetxt(tmp_path / "numbers.csv", rng.normal(size=(90, 3)), delimiter=",", header="a,b,c", comments="")
    (tmp_path / "mixed.csv").write_text("size,colour,count\n" + "\n".join(rows))


@pytest.mark.parametrize(("slot", "kind"), list(_cases()))
def test_a_kind_alone_trains(slot, kind, run_cli, parse, files):
    part, name = kinds(slot)[kind], f"{slot} {kind}"
    said = f"training.augment=[{{kind: {kind}}}]" if slot == "augmentation" else f"{KEYS[slot]}={kind}"
    data = ["--dataset", _data(slot, part, name)]
    code, out, err = run_cli("train", "--run-dir", "run", *data, *SMALL, "--set", said, *BESIDE.get(name, []), "--json")
    if slot == "schedule" and part.is_weight:
        assert code == 2 and "training.learning_rate" in err
        return
    assert code == 0, err
    results = parse(out)
    assert math.isfinite(results["negative_elbo"]) and "Traceback" not in err
