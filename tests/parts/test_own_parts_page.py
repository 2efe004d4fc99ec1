"""docs/own_parts.md: every example is loaded, built by the command beside it, and trained for a batch."""

import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.config_sources import resolve_config
from vae_tf.data import load_dataset
from vae_tf.models import build_vae
from vae_tf.parts import SLOTS, load_parts

PAGE = re.sub(r"<!-- fmt: o[nf]+ -->\n", "", (Path(__file__).parents[2] / "docs" / "own_parts.md").read_text("utf-8"))
_FILE = r"^`(\w+\.py)`:\n\n```python\n(.*?)```\n\n"
_COMMAND = r"```sh\npython run\.py train --parts (\S+) ([^\n]*)\n```"
EXAMPLES = {name: said for name, *said in re.findall(_FILE + _COMMAND, PAGE, re.DOTALL | re.MULTILINE)}
SLOT_OF = {
    "wide.py": "network wide",
    "laplace_latent.py": "latent laplace",
    "student.py": "prior student",
    "laplace.py": "likelihood laplace",
    "sparse.py": "objective sparse",
    "polynomial.py": "schedule polynomial",
    "roll.py": "augmentation roll",
    "rings.py": "source rings",
}


def _config(command):
    """Return the configuration that a command line of `train` says."""
    words = shlex.split(command)
    options = list(zip(words[::2], words[1::2], strict=True))
    said = dict(options)
    overrides = [value for option, value in options if option == "--set"]
    assert set(said) <= {"--set", "--latent", "--dataset"}
    return resolve_config(options={"data.dataset": said.get("--dataset")}, latent=said.get("--latent"), overrides=overrides)


def _data(config, make_spec):
    """Return a small description and a batch: the source's own where it is the example, else of the right values."""
    rng = np.random.default_rng(0)
    if config.data.dataset.startswith("rings"):
        dataset = load_dataset(config.data)
        return dataset.spec, dataset.splits["train"].x[:16]
    if config.data.dataset == "waves":
        return make_spec((6, 2), "real"), rng.normal(size=(16, 6, 2)).astype(np.float32)
    return make_spec((4, 4, 1), "binary"), rng.integers(0, 2, (16, 4, 4, 1)).astype(np.float32)


@pytest.fixture
def example(tmp_path, restored_parts, monkeypatch):
    """Write an example as a file, execute it, and give what it registered and the configuration of its command."""
    monkeypatch.chdir(tmp_path)

    def load(name):
        source, named, command = EXAMPLES[name]
        assert named == name
        Path(name).write_text(source, "utf-8")
        (file,) = load_parts(name)
        return file, _config(command)

    return load


def test_there_is_an_example_for_every_slot():
    assert list(EXAMPLES) == list(SLOT_OF)
    assert [kind.split()[0] for kind in SLOT_OF.values()] == list(SLOTS)
    assert PAGE.count("@register(") == len(SLOT_OF)


@pytest.mark.parametrize("name", SLOT_OF)
def test_an_example_is_a_part_that_builds_trains_saves_and_draws(name, example, make_spec, tmp_path):
    file, config = example(name)
    assert file.kinds == (SLOT_OF[name],)
    kind = SLOT_OF[name].split()[1]
    assert f"'kind': '{kind}'" in str(config.model_dump(mode="json")) or config.data.dataset.startswith(f"{kind}:")
    spec, x = _data(config, make_spec)
    vae = build_vae(config.model, spec, objective=config.objective)
    vae.compile(optimizer=keras.optimizers.Adam(1e-3), run_eagerly=True)
    before = [weight.numpy() for weight in vae.trainable_weights]
    logs = vae.train_on_batch(x, return_dict=True)
    assert all(np.isfinite(value) for value in logs.values()) and logs["negative_elbo"] > -1e6
    assert any(np.any(old != new.numpy()) for old, new in zip(before, vae.trainable_weights, strict=True))
    vae.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for one in (vae, again):
        assert one.generate(3, [0, 1]).shape == (3, *spec.event_shape)
    np.testing.assert_array_equal(vae.generate(3, [0, 1]), again.generate(3, [0, 1]))
    q = vae.encode(x)
    assert [path.shape for _, path in vae.latent.traverse(vae.latent.mean(q)[0], 5)] == [(5, vae.latent.size)] * vae.latent.size
    assert all(len(value) == len(x) for value in vae.latent.describe(q).values())


def test_the_latent_s_kl_and_samples_are_what_they_say(example, assert_mean):
    _, config = example("laplace_latent.py")
    vae = build_vae(config.model, _spec())
    q = vae.latent.posterior(tf.constant(np.random.default_rng(1).normal(size=(1, vae.latent.params_size)), tf.float32))
    _, log_ratio = vae.latent.sample(q, [0, 1], (20_000,))
    assert_mean(log_ratio, vae.latent.kl(q, None))


def _spec():
    from vae_tf.data.spec import DatasetSpec

    return DatasetSpec(name="toy", event_shape=(4, 4, 1), value_support="binary")


def test_the_schedule_goes_from_start_to_stop(example):
    _, config = example("polynomial.py")
    schedule = build_vae(config.model, _spec()).latent.kl_weight
    assert [float(schedule(step)) for step in (0, 200, 400, 900)] == [0.0, 0.25, 1.0, 1.0]


def test_the_source_s_examples_lie_on_two_rings(example):
    _, config = example("rings.py")
    dataset = load_dataset(config.data)
    assert dataset.spec.num_train + dataset.spec.num_validation + dataset.spec.num_test == 2000
    assert dataset.spec.event_shape == (2,) and len(dataset.spec.label_names) == 2


def test_the_table_of_what_is_given_has_every_name_there_is():
    given = set(_spec().given) | {"seed", "size"}
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)
    assert set(rows) == given and len(rows) == len(given)
