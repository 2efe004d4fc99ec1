"""What TensorBoard will show, read back with its own reader."""

import io

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from vae_tf.evaluation import Viewer
from vae_tf.stopwatch import Stopwatch
from vae_tf.training import TensorBoardLog, describe_model
from vae_tf.training.tensorboard import Pace

TERMS = {"loss", "negative_elbo", "reconstruction_nll", "kl", "kl_gaussian", "kl_categorical"}


@pytest.fixture(scope="module")
def events(finished):
    run, *_ = finished
    readers = {name: EventAccumulator(str(run.tensorboard / name)) for name in ("train", "validation")}
    for reader in readers.values():
        reader.Reload()
    return readers


def _steps(reader, tag):
    return [event.step for event in reader.Tensors(tag)]


def test_scalars_are_written_every_epoch_at_the_step(events):
    schedules = {"kl_weight_gaussian", "kl_weight_categorical", "temperature_categorical", "learning_rate"}
    expected = {f"bounds/{term}" for term in TERMS} | {f"schedules/{name}" for name in schedules}
    tags = set(events["train"].Tags()["tensors"])
    assert tags == expected | {"speed/examples_per_second"}
    assert all(_steps(events["train"], tag) == [4, 8, 12] for tag in tags)


def test_validation_has_the_same_scalars_and_what_is_seen(events):
    tags = set(events["validation"].Tags()["tensors"])
    pictures = {"reconstructions", "samples", "traversal"}
    histograms = {"latent means/gaussian", "latent means/categorical"}
    nll = {"bounds/nll (50 samples, first 16 examples)"}
    assert tags == {f"bounds/{term}" for term in TERMS} | pictures | histograms | nll
    for tag in pictures | histograms | nll:
        assert _steps(events["validation"], tag) == [4, 8]  # the first epoch, then every second
    for term in TERMS:
        assert _steps(events["validation"], f"bounds/{term}") == [4, 8, 12]


def test_the_kinds_of_data_are_what_tensorboard_s_tabs_look_for(events):
    def plugin(tag):
        return events["validation"].SummaryMetadata(tag).plugin_data.plugin_name

    assert plugin("reconstructions") == "images"
    assert plugin("latent means/gaussian") == "histograms"
    assert plugin("bounds/negative_elbo") == "scalars"


def test_a_picture_is_one_png_of_the_size_that_is_told(events):
    for tag in ("reconstructions", "samples", "traversal"):
        width, height, packed = events["validation"].Tensors(tag)[-1].tensor_proto.string_val
        with Image.open(io.BytesIO(packed)) as image:
            assert (image.format, image.size) == ("PNG", (int(width), int(height)))


class _Clock:
    now = 0.0

    def __call__(self):
        return self.now


def _seconds(stopwatch, clock, phase, seconds):
    with stopwatch.phase(phase):
        clock.now += seconds


def test_pictures_are_made_as_often_as_training_pays_for():
    """A picture takes a second, an epoch ten: 4 % of training are reached every two and a half epochs."""
    clock = _Clock()
    stopwatch, made = Stopwatch(clock), []
    pace = Pace(stopwatch)
    for epoch in range(12):
        _seconds(stopwatch, clock, "train", 10.0)
        _seconds(stopwatch, clock, "validate", 100.0)  # is not what is paid with
        if pace.is_due(epoch, is_first=not made):
            made.append(epoch)
            _seconds(stopwatch, clock, "pictures", 1.0)
    assert made == [0, 2, 4, 7, 9]


@pytest.mark.parametrize(("every", "made"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 2, 5]), (1000, [0])])
def test_pictures_are_made_every_so_many_epochs_where_that_is_asked_for(every, made):
    stopwatch = Stopwatch(_Clock())
    assert [epoch for epoch in range(7) if Pace(stopwatch, every).is_due(epoch, is_first=epoch == 0)] == made


@pytest.mark.parametrize(("every", "steps"), [(None, [1, 5]), (2, [1, 2, 4])])
def test_the_first_and_the_last_are_shown_where_pictures_go_by_time(every, steps, make_vae, make_spec, tmp_path, monkeypatch):
    vae, shown = make_vae(), []
    stopwatch = Stopwatch(_Clock())
    with stopwatch.phase("pictures"):
        stopwatch._clock.now += 1.0  # no training pays for that
    examples = np.zeros([4, 4, 4, 1], np.float32), np.zeros(4, np.int64)
    log = TensorBoardLog(tmp_path, make_spec(), examples, Pace(stopwatch, every), 0, Viewer(vae))
    vae.compile(optimizer="sgd")
    log.set_model(vae)
    monkeypatch.setattr(log, "_write_pictures", lambda: shown.append(log._step()))
    log.on_train_begin()
    for epoch in range(5):
        vae.optimizer.iterations.assign(epoch + 1)
        log.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 2.0})
    log.on_train_end()
    log.close()
    assert shown == steps


def test_the_nll_is_below_the_negative_elbo(events):
    nll = events["validation"].Tensors("bounds/nll (50 samples, first 16 examples)")[-1].tensor_proto.float_val
    elbo = events["validation"].Tensors("bounds/negative_elbo")[1].tensor_proto.float_val
    if nll and elbo:  # TensorBoard stores scalars as tensor_content or float_val
        assert nll[0] < elbo[0] + 1.0


def test_a_model_is_described_by_its_networks_and_its_size(make_vae):
    vae = make_vae({"kind": "gaussian", "size": 2}, likelihood={"kind": "gaussian"})
    text = describe_model(vae)
    total = sum(int(np.prod(weight.shape)) for weight in vae.trainable_weights)
    assert 'Model: "encoder"' in text
    assert 'Model: "decoder"' in text
    assert text.splitlines()[-1] == f"Trainable parameters in all: {total:,}"


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_summary_fits_the_terminal_and_cuts_no_number(finished, monkeypatch, width):
    _, outcome, *_ = finished
    monkeypatch.setenv("COLUMNS", str(width))
    lines = describe_model(outcome.vae).splitlines()
    assert max(map(len, lines)) <= width
    assert sum("Param #" in line for line in lines) == 2
    for layer in (*outcome.vae.encoder.layers, *outcome.vae.decoder.layers):
        assert any(layer.name in line and f" {layer.count_params():,} " in line for line in lines), layer.name
