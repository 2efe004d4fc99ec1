"""A run that was stopped and goes on is the run that was never stopped, bit for bit."""

import numpy as np
import pytest

from vae_tf.errors import UserFileError
from vae_tf.training import CheckpointStore, load_run


def _newest(run):
    store = CheckpointStore(run.checkpoints)
    with np.load(store.path(store.epochs()[-1])) as file:
        return {name: file[name] for name in file.files if name != "header"}


def _metrics(run):
    return [{key: value for key, value in record.items() if key != "examples_per_second"} for record in run.read_metrics()]


@pytest.mark.parametrize(
    ("latents", "epochs", "eager", "more"),
    [
        ("gaussian", (1, 2), True, {"augment": ["shift", "flip"]}),
        ("categorical", (1, 2), True, {}),
        ("joint", (2, 4), False, {}),
    ],
)
def test_stop_and_resume_equals_the_uninterrupted_run(  # noqa: PLR0913
    latents, epochs, eager, more, make_config, start, tmp_path
):
    stop, epochs = epochs
    whole, whole_outcome = start(make_config(latents, epochs=epochs, **more), tmp_path / "whole", eager=eager)
    part, _ = start(make_config(latents, epochs=stop, **more), tmp_path / "part", eager=eager)
    _, outcome = start(make_config(latents, epochs=epochs, **more), part.path, resume=True, eager=eager)
    assert outcome.state == whole_outcome.state
    assert outcome.state.epoch == epochs
    assert _metrics(part) == _metrics(whole)
    first, second = _newest(whole), _newest(part)
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
    for a, b in zip(load_run(whole.path).vae.weights, load_run(part.path).vae.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_metrics_of_an_epoch_that_was_not_saved_are_written_anew(make_config, start, tmp_path):
    """A process killed between the metrics line and the checkpoint leaves a line too many, or half a line."""
    config = make_config([{"kind": "deterministic", "size": 2}], epochs=1)
    run, _ = start(config, tmp_path / "a", eager=True)
    with run.metrics_file.open("a") as file:
        file.write('{"epoch": 2, "step": 8}\n{"epoch": 3, "lo')
    longer = make_config([{"kind": "deterministic", "size": 2}], epochs=2)
    start(longer, run.path, resume=True, eager=True)
    assert [(record["epoch"], "loss" in record) for record in run.read_metrics()] == [(1, True), (2, True)]


def test_a_damaged_newest_checkpoint_can_be_moved_away_and_the_run_goes_on(make_config, start, tmp_path):
    config = make_config([{"kind": "gaussian", "size": 1}], epochs=2)
    run, _ = start(config, tmp_path / "a", eager=True)
    before, newest = _newest(run), CheckpointStore(run.checkpoints).path(2)
    newest.write_bytes(newest.read_bytes()[:100])
    with pytest.raises(UserFileError, match="move it out of the folder: epoch 1 is then the newest"):
        start(config, run.path, resume=True, eager=True)
    newest.unlink()
    start(config, run.path, resume=True, eager=True)
    for name, value in _newest(run).items():
        np.testing.assert_array_equal(value, before[name])


def test_a_resume_without_any_checkpoint_starts_at_the_beginning(make_config, start, tmp_path):
    config = make_config([{"kind": "deterministic", "size": 2}], epochs=1)
    run, outcome = start(config, tmp_path / "a", resume=True, eager=True)
    assert outcome.state.epoch == 1
    assert len(run.read_metrics()) == 1


def test_the_same_configuration_gives_the_same_run_and_another_seed_another(make_config, start, tmp_path):
    blocks = [{"kind": "deterministic", "size": 2}]
    runs = [start(make_config(blocks, seed, epochs=1), tmp_path / str(i), eager=True)[0] for i, seed in enumerate((1, 1, 2))]
    assert _metrics(runs[0]) == _metrics(runs[1])
    assert _metrics(runs[0]) != _metrics(runs[2])


def test_a_model_learns_what_it_saw_through_noise(make_config, make_dataset, start, tmp_path):
    config = make_config([{"kind": "gaussian", "size": 2}], epochs=2, augment=[{"kind": "noise", "scale": 0.2}])
    run, _ = start(config, tmp_path / "a", dataset=make_dataset(binarization="none"), eager=True)
    without = make_config([{"kind": "gaussian", "size": 2}], epochs=2)
    other, _ = start(without, tmp_path / "b", dataset=make_dataset(binarization="none"), eager=True)
    assert _metrics(run) != _metrics(other)
    assert all(np.isfinite(record["val_negative_elbo"]) for record in run.read_metrics())
