"""A trace of a training: one file that TensorBoard's profile plug-in reads, of the executions after the first."""

import pytest

from vae_tf.errors import UserValueError
from vae_tf.training import Profile, fitting


def _traces(run):
    return list((run.tensorboard / "train" / "plugins" / "profile").glob("*/*.xplane.pb"))


@pytest.mark.parametrize(("epochs", "steps_per_execution"), [(1, 1), (4, 4)])
def test_a_trace_is_written_once_and_holds_training_steps(make_config, start, tmp_path, epochs, steps_per_execution):
    run, _ = start(make_config(epochs=epochs, profile=True, steps_per_execution=steps_per_execution), tmp_path / "run")
    (trace,) = _traces(run)
    assert b"MatMul" in trace.read_bytes()


def test_the_first_execution_and_validation_are_not_traced(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr("tensorflow.profiler.experimental.start", lambda folder: calls.append("start"))
    monkeypatch.setattr("tensorflow.profiler.experimental.stop", lambda: calls.append("stop"))
    profile = Profile(tmp_path)
    for _ in range(2):  # epochs of one execution
        calls.append("train")
        profile.on_train_batch_begin(0)
        profile.on_train_batch_end(0)
        profile.on_test_begin()
        calls.append("validate")
    profile.on_train_end()
    assert calls == ["train", "validate", "train", "start", "stop", "validate"]


def test_a_training_of_one_execution_has_nothing_to_trace_and_says_so(tmp_path):
    profile = Profile(tmp_path)
    profile.on_train_batch_begin(0)
    profile.on_train_batch_end(3)
    with pytest.raises(UserValueError, match=r"one execution.*training\.steps_per_execution"):
        profile.on_train_end()


def test_a_training_that_breaks_off_ends_its_trace(make_config, start, tmp_path, monkeypatch):
    def fail(_, batch, logs=None):
        if batch == 1:
            raise RuntimeError("out of disk")

    config = make_config(epochs=1, profile=True, steps_per_execution=1)
    with monkeypatch.context() as patch:
        patch.setattr(fitting.GracefulStop, "on_train_batch_end", fail, raising=False)
        with pytest.raises(RuntimeError, match="out of disk"):
            start(config, tmp_path / "broken")
    run, _ = start(config, tmp_path / "next")  # a second one may begin
    assert _traces(run)


def test_no_trace_unless_asked_for(finished):
    run, *_ = finished
    assert not (run.tensorboard / "train" / "plugins").exists()
