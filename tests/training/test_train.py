"""A run from start to end: what is written, when it stops, what is refused."""

import json
import shutil
import signal

import keras
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from vae_tf.artifacts import RunDirectory
from vae_tf.checksums import check_record
from vae_tf.cluster import Cluster
from vae_tf.config_sources import dump_yaml
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.files import read_record, write_text
from vae_tf.training import (
    CheckpointStore,
    NonFiniteLossError,
    TrainingOutcome,
    TrainingState,
    as_recorded,
    check_same_data,
    choose_steps_per_execution,
    describe_environment,
    finish_run,
    fitting,
    load_run,
    read_spec,
    record,
    start_distribution,
)

AUTOENCODER = [{"kind": "deterministic", "size": 2}]


def test_a_finished_run_has_these_files(finished):
    run, outcome, *_ = finished
    files = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    events = {name for name in files if "events.out.tfevents" in name}
    projector = {"latent_labels.tsv", "latent_means.tsv", "latent_sprite.png", "projector_config.pbtxt"}
    assert {name.rsplit("/", 1)[0] for name in events} == {"tensorboard/train", "tensorboard/validation"}
    assert files - events - {".lock"} == {
        "SHA256SUMS",
        "config.yaml",
        "dataset.json",
        "environment.json",
        "metrics.jsonl",
        "results.json",
        "model.keras",
        *(f"checkpoints/epoch-{epoch:05d}.npz" for epoch in {2, 3, outcome.state.best_epoch}),
        "pictures/reconstructions.png",
        "pictures/samples.png",
        "pictures/traversal.png",
        *(f"tensorboard/validation/{name}" for name in projector),
    }


def test_metrics_have_a_line_an_epoch_with_terms_schedules_and_speed(finished):
    run, *_ = finished
    lines = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    terms = {"loss", "negative_elbo", "reconstruction_nll", "kl", "kl_gaussian", "kl_categorical"}
    schedules = {"kl_weight_gaussian", "kl_weight_categorical", "temperature_categorical", "learning_rate"}
    expected = {"epoch", "step", "examples_per_second", "checksum"} | terms | {f"val_{term}" for term in terms} | schedules
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 4), (2, 8), (3, 12)]
    for line in lines:
        assert set(line) == expected
        assert line["val_negative_elbo"] == pytest.approx(line["val_reconstruction_nll"] + line["val_kl"], rel=1e-5)
    assert [line["kl_weight_gaussian"] for line in lines] == pytest.approx([0.4, 0.8, 1.0])


def test_the_results_are_what_was_returned_and_name_the_split_and_the_best_epoch(finished):
    run, outcome, results, _ = finished
    assert run.read_results() == results
    assert list(results) == [
        "split",
        "negative_elbo",
        "negative_elbo_stderr",
        "nll",
        "nll_stderr",
        "reconstruction_nll",
        "kl",
        "kl_blocks",
        "bits_per_dim",
        "num_examples",
        "num_samples",
        "nll_at",
        "perplexity",
        "epochs",
        "best_epoch",
        "model_epoch",
        "best_val_negative_elbo",
        "seconds",
        "curve",
        "obvious",
        "timing",
    ]
    assert (results["split"], results["num_examples"], results["num_samples"], results["epochs"]) == ("test", 16, 5, 3)
    assert set(results["kl_blocks"]) == {"gaussian", "categorical"}
    assert results["best_epoch"] == outcome.state.best_epoch
    assert results["nll"] < results["negative_elbo"]


def test_measuring_again_gives_the_same_numbers(finished, make_dataset, tmp_path):
    run, _, results, config = finished
    loaded = load_run(run.path)
    copy = RunDirectory(tmp_path)
    copy.write_metrics(run.read_metrics())  # advice is read from them
    again = finish_run(TrainingOutcome(loaded.vae, loaded.state, False, 0.0), config, make_dataset(), copy)
    told = {"seconds": 0, "timing": None}
    assert {**again, **told} == {**results, **told}


def test_the_saved_model_and_the_loaded_run_are_the_best_epoch_s(finished):
    run, outcome, *_ = finished
    saved, loaded = keras.saving.load_model(run.model_file), load_run(run.path).vae
    best = np.load(CheckpointStore(run.checkpoints).path(outcome.state.best_epoch))
    for index, weights in enumerate(zip(outcome.vae.weights, saved.weights, loaded.weights, strict=True)):
        for weight in weights:
            np.testing.assert_array_equal(weight, best[f"v{index}"])


def test_the_model_is_of_the_epoch_that_the_configuration_selects(finished, tmp_path, monkeypatch):
    run, *_ = finished
    shutil.copytree(run.path, tmp_path / "run")
    config = run.read_config()
    monkeypatch.setattr(CheckpointStore, "read_state", lambda _: TrainingState(3, 2, 0.0))
    for select, epoch in (("best", 2), ("last", 3)):
        selecting = config.model_copy(update={"training": config.training.model_copy(update={"select": select})})
        write_text(tmp_path / "run" / "config.yaml", dump_yaml(selecting))
        arrays = np.load(CheckpointStore(run.checkpoints).path(epoch))
        for index, weight in enumerate(load_run(tmp_path / "run").vae.weights):
            np.testing.assert_array_equal(weight, arrays[f"v{index}"])


def test_a_loaded_run_knows_its_configuration_data_and_state(finished, make_dataset):
    run, outcome, _, config = finished
    loaded = load_run(run.path)
    assert (loaded.run, loaded.config, loaded.state) == (run, config, outcome.state)
    assert loaded.spec == make_dataset().spec


def test_pictures_can_be_opened(finished):
    run, *_ = finished
    for path in run.pictures.iterdir():
        with Image.open(path) as image:
            assert min(image.size) > 50


def test_the_environment_is_on_record(finished):
    run, *_ = finished
    environment = read_record(run.environment_file)
    assert environment.keys() == describe_environment().keys()
    assert environment["packages"]["keras"] == keras.__version__
    assert "unknown" not in environment["packages"].values()


def test_an_unfinished_run_can_be_loaded(make_config, start, tmp_path):
    config = make_config(AUTOENCODER, epochs=1)
    run, outcome = start(config, tmp_path / "a", eager=True)
    assert not run.results_file.exists()
    loaded = load_run(run.path)
    assert loaded.state == outcome.state
    for a, b in zip(loaded.vae.weights, outcome.vae.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_run_stopped_before_its_first_checkpoint_says_so(finished, tmp_path):
    run, *_ = finished
    copy = RunDirectory(tmp_path)
    for name in ("config.yaml", "dataset.json"):
        (tmp_path / name).write_text((run.path / name).read_text())
    with pytest.raises(UserFileError, match="stopped before its first epoch ended"):
        load_run(copy.path)
    (tmp_path / "dataset.json").write_text('{"name": 3}')
    with pytest.raises(UserFileError, match=r"dataset\.json is damaged"):
        load_run(copy.path)
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(UserFileError, match=r"dataset\.json is missing"):
        read_spec(copy)


def test_an_autoencoder_s_run_ends_without_an_nll(make_config, start, make_dataset, tmp_path):
    config = make_config(AUTOENCODER, epochs=1)
    run, outcome = start(config, tmp_path / "a", eager=True)
    results = finish_run(outcome, config, make_dataset(), run)
    assert (results["nll"], results["nll_stderr"], results["bits_per_dim"], results["kl"]) == (None, None, None, 0.0)
    assert json.loads(run.results_file.read_text())["nll"] is None


def test_training_stops_when_no_epoch_is_better_and_goes_back_to_the_best(make_config, start, tmp_path):
    """A learning rate of next to nothing leaves the numbers as they are: the first epoch stays the best."""
    config = make_config(AUTOENCODER, epochs=9, patience=2, learning_rate=1e-30)
    run, outcome = start(config, tmp_path / "a", eager=True)
    assert (outcome.state.epoch, outcome.state.best_epoch, outcome.interrupted) == (3, 1, False)
    assert len(run.read_metrics()) == 3
    before = run.metrics_file.read_text()
    _, again = start(config, run.path, resume=True, eager=True)  # out of patience: nothing to do
    assert again.state == outcome.state
    assert run.metrics_file.read_text() == before


class _OnEpoch(keras.callbacks.Callback):
    """Does something at the beginning of one epoch (from 1), or of its validation."""

    def __init__(self, epoch, action, validation=False):
        super().__init__()
        self.epoch, self.action, self.validation, self.now = epoch, action, validation, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch + 1
        if self.now == self.epoch and not self.validation:
            self.action(self.model)

    def on_test_begin(self, logs=None):
        if self.now == self.epoch and self.validation:
            self.action(self.model)


@pytest.fixture
def add_callback(monkeypatch):
    """Make `train` run one more callback."""
    original = fitting._callbacks

    def add(callback):
        monkeypatch.setattr(fitting, "_callbacks", lambda *args: [*original(*args), callback])

    return add


def _poison(part):
    def action(vae):
        kernel = getattr(vae, part).trainable_weights[-2]  # the last layer's: a ReLU after it would hide a NaN
        kernel.assign(np.full(kernel.shape, np.nan, np.float32))

    return action


@pytest.mark.parametrize(
    ("place", "what"),
    [
        (("encoder", "training"), r"kl_gaussian blew up in training at step 5 \(epoch 2\)"),
        (("decoder", "training"), r"reconstruction_nll blew up in training at step 5 \(epoch 2\)"),
        (("decoder", "validation"), r"reconstruction_nll blew up in validation at epoch 2"),
    ],
)
def test_a_loss_that_blows_up_stops_training_and_keeps_the_last_checkpoint(
    place, what, make_config, start, tmp_path, add_callback
):
    part, phase = place
    add_callback(_OnEpoch(2, _poison(part), phase == "validation"))
    with pytest.raises(NonFiniteLossError, match=what):
        start(make_config(epochs=4), tmp_path / "a", eager=True)
    run = RunDirectory(tmp_path / "a")
    assert CheckpointStore(run.checkpoints).epochs() == [1]
    assert [record["epoch"] for record in run.read_metrics()] == [1]
    assert all(np.all(np.isfinite(weight)) for weight in load_run(run.path).vae.weights)


def test_an_absurd_learning_rate_blows_up_within_the_first_epoch(make_config, start, tmp_path):
    with pytest.raises(NonFiniteLossError, match=r"blew up in training at step 2 \(epoch 1\)"):
        start(make_config(learning_rate=1e30), tmp_path / "a", eager=True)


def test_a_signal_finishes_the_epoch_saves_it_and_gives_the_signals_back(make_config, start, tmp_path, add_callback, capsys):
    before = signal.getsignal(signal.SIGINT)
    add_callback(_OnEpoch(2, lambda _: signal.raise_signal(signal.SIGINT)))
    run, outcome = start(make_config(AUTOENCODER, epochs=4), tmp_path / "a", eager=True)
    assert outcome.interrupted
    assert outcome.state.epoch == 2
    assert CheckpointStore(run.checkpoints).epochs() == [1, 2]
    assert signal.getsignal(signal.SIGINT) is before
    assert "Finishing this epoch" in capsys.readouterr().err


def test_a_run_that_is_being_trained_is_refused(finished, start):
    run, _, _, config = finished
    with FileLock(run.path / ".lock"), pytest.raises(UserFileError, match="Another process is training"):
        start(config, run.path, resume=True)


@pytest.mark.parametrize("change", [{"fingerprint": "other"}, {"num_train": 65, "label_names": ("a", "b")}])
def test_a_run_does_not_go_on_with_other_data(change, finished, start, make_dataset):
    run, _, _, config = finished
    other = make_dataset(**change)
    fields = " and ".join(change) if len(change) == 1 else ", ".join(change)
    with pytest.raises(UserValueError, match=f"The data are not those that .* was trained on: {fields} differ"):
        start(config, run.path, resume=True, dataset=other)
    with pytest.raises(UserValueError):
        check_same_data(run, other.spec)
    check_same_data(run, make_dataset().spec)
    assert read_spec(run) == make_dataset().spec


def test_a_run_that_read_its_bits_as_greys_goes_on_with_them(finished, make_dataset, tmp_path):
    """Bytes of 0 and 255 alone were once described as all bytes are: the run's own description stays."""
    run = RunDirectory(tmp_path / "run")
    shutil.copytree(finished[0].path, run.path)
    bytes_of_two = {"raw_range": (0.0, 255.0), "scale": (255.0,)}
    before, now = (make_dataset(value_support=support, **bytes_of_two) for support in ("unit", "binary"))
    record(run, before.spec, resume=False)
    check_same_data(run, now.spec)
    assert as_recorded(run, now).spec == before.spec
    record(run, as_recorded(run, now).spec, resume=True)
    assert read_spec(run) == before.spec
    for other in (make_dataset(value_support="binary", raw_range=(0.0, 1.0)), make_dataset(value_support="real")):
        with pytest.raises(UserValueError, match="value_support"):
            as_recorded(run, other)
    record(run, now.spec, resume=False)
    with pytest.raises(UserValueError, match="value_support differ"):
        as_recorded(run, before)


def test_steps_between_returns_to_python_drop_as_few_of_an_epoch_s_as_can_be():
    for steps in [*range(1, 500), 781, 1000, 4687, 99_991]:
        chosen = choose_steps_per_execution(steps)
        if steps <= 64:
            assert chosen == steps
        else:
            assert 32 < chosen <= 64
            assert steps % chosen == min(steps % n for n in range(33, 65))


@pytest.mark.parametrize(
    ("training", "steps"),
    [
        ({"batch_size": 16}, 4),
        ({"batch_size": 20}, 3),
        ({"batch_size": 1000}, 1),
        ({"batch_size": 16, "steps_per_execution": 3}, 3),
        ({"batch_size": 16, "steps_per_execution": 2}, 4),
        ({"batch_size": 16, "steps_per_execution": 9}, 4),
    ],
)
def test_an_epoch_has_as_many_steps_as_full_batches_in_whole_executions(training, steps, make_config, make_dataset):
    config, dataset, alone = make_config(**training), make_dataset(), start_distribution("none", Cluster())
    vae = fitting.check_start(config, dataset, alone)
    plan = fitting.prepare(vae, config, dataset, alone)
    assert plan.steps_per_epoch == steps
    assert plan.steps_per_epoch % vae.steps_per_execution == 0
    for batch in fitting.batches_of(config, dataset, vae, plan, 0, alone)["x"].take(steps + 1):
        assert batch.shape == (min(training["batch_size"], 64), 4, 4, 1)


def test_a_spec_survives_its_file(finished):
    run, *_ = finished
    record, is_whole = check_record(json.loads(run.dataset_file.read_text()))
    assert is_whole and DatasetSpec.model_validate(record) == read_spec(run)
