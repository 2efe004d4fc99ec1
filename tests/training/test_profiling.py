"""A trace of a training: one file that TensorBoard's profile plug-in reads, of the executions after the first."""

import pytest


@pytest.mark.parametrize(("epochs", "num_traces"), [(1, 1), (4, 1)])
def test_a_trace_is_written_once(make_config, start, tmp_path, epochs, num_traces):
    run, _ = start(make_config(epochs=epochs, profile=True, steps_per_execution=4), tmp_path / "run")
    traces = list((run.tensorboard / "train" / "plugins" / "profile").glob("*/*.xplane.pb"))
    assert len(traces) == num_traces
    if epochs > 1:
        assert b"MatMul" in traces[0].read_bytes()  # the second execution was traced, not only what came after the last


def test_a_training_that_breaks_off_ends_its_trace(make_config, start, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("out of disk")

    with monkeypatch.context() as patch:
        patch.setattr("vae_tf.training.fitting.MetricsLog.on_epoch_end", fail)
        with pytest.raises(RuntimeError, match="out of disk"):
            start(make_config(epochs=1, profile=True, steps_per_execution=4), tmp_path / "broken")
    assert list((tmp_path / "broken" / "tensorboard" / "train" / "plugins" / "profile").glob("*/*.xplane.pb"))
    start(make_config(epochs=1, profile=True, steps_per_execution=4), tmp_path / "next")  # a second one may begin


def test_no_trace_unless_asked_for(finished):
    run, *_ = finished
    assert not (run.tensorboard / "train" / "plugins").exists()
