"""`vae_tf.train` is the command line's training, of data that a program has."""

import keras
import numpy as np
import pytest

import vae_tf
from vae_tf.config_sources import resolve_config

TIMES = ("seconds", "timing")


def _numbers(results):
    return {key: value for key, value in results.items() if key not in TIMES}


@pytest.fixture
def command(run_cli, small):
    """Train by the command line, with the settings that Python's runs have."""

    def train(folder, *data):
        sets = [part for path, value in small.items() for part in ("--set", f"{path}={value}")]
        done = run_cli("train", "--run-dir", folder, "--latent", "gaussian:2", *sets, *data)
        assert done.code == 0, done.err
        return vae_tf.Run.open(folder)

    return train


def test_arrays_give_what_the_command_makes_of_a_file(pictures, picture_run, command, tmp_path):
    np.savez(tmp_path / "pictures.npz", x=pictures[0], y=pictures[1])
    run = command(tmp_path / "run", "--dataset", f"npz:{tmp_path / 'pictures.npz'}")
    assert _numbers(run.results) == _numbers(picture_run.results)
    for one, other in zip(run.vae.get_weights(), picture_run.vae.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert run.spec.fingerprint == picture_run.spec.fingerprint
    assert (picture_run.config.data.dataset, picture_run.spec.name) == ("memory:pictures", "memory:pictures")
    files = {path.name for path in picture_run.path.iterdir()} - {".lock"}
    assert files == {path.name for path in (tmp_path / "run").iterdir()} - {".lock"}


def test_tables_give_what_the_command_makes_of_a_file(table, table_run, command, tmp_path):
    rows = zip(*(values.tolist() for values in table.values()), strict=True)
    lines = [",".join(table), *(f"{width!r},{height!r},{kind}" for width, height, kind in rows)]
    (tmp_path / "table.csv").write_text("\n".join(lines))
    data = ["--dataset", f"csv:{tmp_path / 'table.csv'}", "--set", "data.label_column=kind"]
    run = command(tmp_path / "run", *data)
    assert _numbers(run.results) == _numbers(table_run.results)
    assert run.spec.model_dump(exclude={"name"}) == table_run.spec.model_dump(exclude={"name"})
    assert table_run.spec.feature_names == ("width", "height")


def test_a_run_knows_its_files(picture_run):
    assert [line["epoch"] for line in picture_run.metrics] == [0, 1, 2]
    assert picture_run.results["split"] == "test"
    opened = vae_tf.Run.open(picture_run.path)
    assert (opened.config, opened.spec, opened.results) == (picture_run.config, picture_run.spec, picture_run.results)
    assert repr(opened) == repr(picture_run) == f"Run({str(picture_run.path)!r}, data memory:pictures, epoch 2)"
    for one, other in zip(opened.vae.get_weights(), picture_run.vae.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("form", ["mapping", "RunConfig", "path"])
def test_a_configuration_in_every_form(form, tmp_path, pictures, picture_run):
    written = {"seed": 7, "training": {"epochs": 1, "batch_size": 40}, "evaluation": {"num_samples": 2}}
    (tmp_path / "config.yaml").write_text("seed: 7\ntraining: {epochs: 1, batch_size: 40}\nevaluation: {num_samples: 2}\n")
    config = {"mapping": written, "RunConfig": vae_tf.RunConfig.model_validate(written), "path": tmp_path / "config.yaml"}[form]
    run = vae_tf.train(pictures[0], config=config, overrides={"model.latents[0].size": 3}, run_dir=tmp_path / "run", quiet=True)
    assert (run.config.seed, run.config.training.batch_size, run.vae.latent.size) == (7, 40, 3)
    assert run.config.data.dataset == "memory:data"


def test_a_mapping_of_overrides_is_what_set_does():
    texts = ["objective.kind=rebar", "training.learning_rate=3e-4", "model.latents=[{kind: categorical, num_classes: 4}]"]
    values = {
        "objective.kind": "rebar",
        "training.learning_rate": 3e-4,
        "model.latents": [{"kind": "categorical", "num_classes": 4}],
    }
    assert resolve_config(overrides=values) == resolve_config(overrides=texts)


def test_a_source_as_the_command_names_it(tmp_path, train_small):
    run = train_small("digits", {"data.limit": 60, "training.epochs": 1})
    assert (run.config.data.dataset, run.spec.event_shape, run.results["num_examples"]) == ("digits", (8, 8, 1), 60)


def test_without_data_the_settings_say_which(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"data.limit": 40, "training.epochs": 1, "evaluation.num_samples": 2}
    run = vae_tf.train(preset="digits", overrides=settings, quiet=True)
    assert run.path.parent.name == "runs" and run.path.name.startswith("digits-")
    assert run.config.preset == "digits"


def test_progress_is_shown_unless_quiet(pictures, small, tmp_path, capfd):
    settings = {**small, "training.epochs": 1}
    vae_tf.train(pictures[0], overrides=settings, run_dir=tmp_path / "a")
    assert "memory:data 4x4x1" in capfd.readouterr().err
    vae_tf.train(pictures[0], overrides=settings, run_dir=tmp_path / "b", quiet=True)
    assert capfd.readouterr() == ("", "")


class Listener(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append((epoch, sorted(logs)))
        logs.clear()  # nothing built in looks at them afterwards


def test_callbacks_of_ones_own_see_every_epoch(pictures, train_small):
    listener = Listener()
    run = train_small(pictures, callbacks=[listener])
    assert [epoch for epoch, _ in listener.epochs] == [0, 1]
    assert {"loss", "val_negative_elbo", "learning_rate"} <= set(listener.epochs[0][1])
    assert listener.model is run.vae and run.results["model_epoch"] in {1, 2}


def test_what_a_callback_raises_comes_out_as_it_is(pictures, train_small, tmp_path):
    class Broken(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise LookupError("mine")

    with pytest.raises(LookupError, match=r"^'?mine'?$"):
        train_small(pictures, callbacks=[Broken()], run_dir=tmp_path / "run")
    assert [line["epoch"] for line in vae_tf.Run.open(tmp_path / "run").metrics] == [0, 1, 2]


def test_a_callback_may_end_training(pictures, train_small):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1 and "val_negative_elbo" in logs

    run = train_small(pictures, {"training.epochs": 5}, callbacks=[Stop()])
    assert (run.results["epochs"], len(run.metrics)) == (2, 3)


def test_resumed_is_uninterrupted(pictures, picture_run, train_small, tmp_path):
    first = train_small(pictures, {"training.epochs": 1}, name="pictures", run_dir=tmp_path / "run")
    assert first.results["epochs"] == 1
    resumed = vae_tf.train(pictures, resume=True, run_dir=tmp_path / "run", overrides={"training.epochs": 2}, quiet=True)
    assert _numbers(resumed.results) == _numbers(picture_run.results)


def test_an_interrupted_training_returns_a_run_without_results(pictures, train_small, tmp_path):
    import signal

    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            signal.raise_signal(signal.SIGINT)

    run = train_small(pictures, {"training.epochs": 3}, run_dir=tmp_path / "run", callbacks=[Interrupt()])
    assert run.results is None and [line["epoch"] for line in run.metrics] == [0, 1]
    assert run.encode(pictures[0][:2]).shape == (2, 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": None}, "memory:pictures are data of a Python program.*Give them: data="),
        ({"latent": "gaussian:3"}, r"training.epochs\) may change. Differ: .*size is 2, not 3"),
        (
            {"name": "other", "overrides": {"seed": 3}},
            "Differ: seed is 0, not 3; data.dataset is memory:pictures, not memory:other",
        ),
        ({"data": np.zeros([30, 4, 4, 1])}, "The data are not those that .* was trained on"),
        ({"run_dir": None}, "To resume needs the run to go on with"),
    ],
)
def test_a_resume_that_cannot_be(pictures, picture_run, settings, message):
    with pytest.raises(vae_tf.UserValueError, match=message):
        vae_tf.train(**{"data": pictures, "run_dir": picture_run.path, "resume": True, "quiet": True, **settings})


def test_a_run_that_loads_its_data_is_resumed_without(pictures, train_small):
    run = train_small("digits", {"data.limit": 40, "training.epochs": 1})
    with pytest.raises(vae_tf.UserValueError, match=r"loads its data itself \(digits\): resume it without data"):
        vae_tf.train(pictures, run_dir=run.path, resume=True)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"overrides": {"training.epoch": 3}}, "training.epoch is not a known key; did you mean 'training.?epochs'?|epochs"),
        ({"config": {"trainin": {}}}, "trainin is not a known key"),
        ({"preset": "digit"}, "There is no preset 'digit'"),
        ({"latent": "gauss:3"}, "takes blocks gaussian:SIZE"),
        ({"callbacks": [print]}, "callbacks must be Keras callbacks. Received: builtin_function_or_method"),
        ({"callbacks": keras.callbacks.Callback()}, "callbacks must be a list"),
        ({"name": "a b"}, "name takes letters, digits, '_' and '-'. Received: 'a b'"),
        ({"label_column": "kind"}, "data.label_column does not go with arrays"),
        ({"overrides": {"model.likelihood": {"kind": "recurrent_text"}}}, "Texts, and only texts"),
    ],
)
def test_wrong_settings_are_one_line(pictures, tmp_path, settings, message):
    with pytest.raises(vae_tf.UserValueError, match=message) as caught:
        vae_tf.train(pictures, run_dir=tmp_path / "run", quiet=True, **settings)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_path_or_a_name_for_a_source_is_refused(tmp_path):
    with pytest.raises(vae_tf.UserValueError, match="A file is given as a text: 'csv:"):
        vae_tf.train(tmp_path / "table.csv")
    with pytest.raises(vae_tf.UserValueError, match="name is for data in memory"):
        vae_tf.train("digits", name="mine")


def test_a_folder_that_is_taken_is_refused_before_any_work(picture_run, pictures):
    with pytest.raises(vae_tf.UserFileError, match="holds a run already"):
        vae_tf.train(pictures, run_dir=picture_run.path)


def test_groups_and_their_notes_are_told_as_they_are_written(table, make_frame, small, tmp_path, capsys):
    """A name in brackets is no markup."""
    rows = {"width": table["width"], "height": table["height"], "[who]": np.arange(150) // 5}
    overrides = {**small, "training.epochs": 1, "data.group": "[who]"}
    run = vae_tf.train(make_frame(rows), latent="gaussian:2", overrides=overrides, run_dir=tmp_path / "run")
    told = " ".join(capsys.readouterr().err.split())
    assert "data.group=[who], a column and no input: 30 groups, the largest with 5 examples; 24 are in train, 3 in" in told
    assert "Warning: data.group" not in told
    assert run.spec.feature_names == ("width", "height") and list(run.encode(make_frame(rows)).columns) == ["z0", "z1"]


def test_a_run_whose_bits_were_read_as_greys_goes_on_as_it_began(train_small, tmp_path, monkeypatch):
    """Its likelihood has the levels of all bytes; data that are described anew are other data for nobody."""
    bits = np.random.default_rng(0).choice(np.uint8([0, 255]), (120, 4, 4, 1))
    settings = {"model.likelihood": {"kind": "discretized_logistic"}, "training.epochs": 1}
    with monkeypatch.context() as before:
        before.setattr("vae_tf.data.images._has_grey", lambda array, white: True)
        run = train_small(bits, settings, run_dir=tmp_path / "run")
    assert (run.spec.value_support, run.spec.num_levels) == ("unit", 256)
    again = vae_tf.train(bits, resume=True, run_dir=run.path, overrides={"training.epochs": 2}, quiet=True)
    assert again.spec == run.spec and len(again.metrics) == 2
    assert vae_tf.Run.open(run.path).evaluate(data=bits, num_samples=2, limit=10)["nll"] > 0
    new = train_small(bits, {"training.epochs": 1})
    assert (new.spec.value_support, new.config.model.likelihood.kind) == ("binary", "bernoulli")
