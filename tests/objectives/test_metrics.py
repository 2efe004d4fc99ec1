"""Means over examples, and the first batch that was not finite."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf.objectives import SumOfMetrics, TermMean


def test_the_mean_is_over_examples_not_over_batches():
    term = TermMean("kl")
    term.update_state([1.0, 2.0, 3.0])
    term.update_state([10.0])
    assert float(term.result()) == pytest.approx(4.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_batch_that_is_not_finite_is_remembered(bad):
    term = TermMean("kl")
    for values in ([1.0], [2.0], [bad, 1.0], [3.0], [bad]):
        term.update_state(values)
    assert int(term.first_nonfinite.numpy()) == 3


def test_finite_batches_leave_the_first_nonfinite_at_zero():
    term = TermMean("kl")
    term.update_state([1e30])
    assert int(term.first_nonfinite.numpy()) == 0


def test_a_reset_starts_the_batch_numbers_over():
    term = TermMean("kl")
    term.update_state([np.nan])
    term.update_state([1.0])
    term.reset_state()
    assert int(term.first_nonfinite.numpy()) == 0
    term.update_state([1.0])
    term.update_state([np.nan])
    assert int(term.first_nonfinite.numpy()) == 2


def test_the_first_nonfinite_batch_is_found_in_a_graph_too():
    term = TermMean("kl")
    update = tf.function(term.update_state)
    for value in (0.0, 1.0, np.inf):
        update(tf.constant([value]))
    assert int(term.first_nonfinite.numpy()) == 3


def test_a_sum_of_metrics_adds_results_and_owns_no_state():
    parts = [TermMean("a"), TermMean("b")]
    total = SumOfMetrics(parts, "total")
    parts[0].update_state([1.0, 3.0])
    parts[1].update_state([5.0])
    total.update_state([100.0])
    assert float(total.result()) == pytest.approx(7.0)
    total.reset_state()
    assert float(total.result()) == pytest.approx(7.0)
    owned = {id(variable) for part in parts for variable in part.variables}
    assert {id(variable) for variable in total.variables} == owned


def test_a_sum_of_metrics_follows_its_parts_reset():
    part = TermMean("a")
    part.update_state([4.0])
    part.reset_state()
    assert float(SumOfMetrics([part], "total").result()) == 0.0


def test_term_means_are_keras_metrics_that_come_back_from_their_configuration():
    term = TermMean("kl_gaussian")
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(term))
    assert isinstance(restored, TermMean)
    assert restored.name == "kl_gaussian"
