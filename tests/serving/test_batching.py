"""Requests that wait together are computed together, and answered apart."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vae_tf.serving.batching import Batcher, BatchingOptions
from vae_tf.serving.codes import Code, ServingError
from vae_tf.serving.tensors import SignatureInfo, TensorInfo

X = TensorInfo("x", "x:0", "float", np.float32, (None, 2))
Y = TensorInfo("y", "y:0", "float", np.float32, (None, 2))
SIGNATURE = SignatureInfo("s", "", {"x": X}, {"y": Y})
SCALAR = SignatureInfo("t", "", {"x": TensorInfo("x", "x:0", "float", np.float32, ())}, {"y": Y})


class Model:
    """Doubles; the first call waits until it is let go, so that the others queue up."""

    def __init__(self, slow=True):
        self.sizes = []
        self.go = threading.Event()
        self.slow = slow

    def run(self, signature, inputs, outputs):
        if self.slow and not self.sizes:
            self.sizes.append(len(np.atleast_1d(inputs["x"])))
            assert self.go.wait(10)
        else:
            self.sizes.append(len(np.atleast_1d(inputs["x"])))
        if np.isnan(inputs["x"]).any():
            raise ServingError(Code.INVALID_ARGUMENT, "not a number")
        return {"y": inputs["x"] * 2}


def ask(model, requests, signature=SIGNATURE, after=None, **options):
    """Send requests at once, let the model go when all wait, and return answers or errors."""

    async def run():
        with ThreadPoolExecutor(4) as executor:
            batcher = Batcher(BatchingOptions(**{"num_threads": 1, **options}), executor)
            tasks = [asyncio.ensure_future(batcher.run(model, model.run, signature, {"x": x})) for x in requests]
            await asyncio.sleep(0.05)
            if after:
                after(tasks)
                await asyncio.sleep(0)
            model.go.set()
            return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(run())


def rows(*values):
    return np.array([[value, value] for value in values], np.float32)


def test_waiting_requests_are_merged_and_split_again():
    model = Model()
    requests = [rows(1), rows(2), rows(3, 4), rows(5)]
    answers = ask(model, requests)
    assert model.sizes == [1, 4]
    for request, answer in zip(requests, answers, strict=True):
        np.testing.assert_array_equal(answer["y"], request * 2)


def test_no_batch_has_more_rows_than_allowed_and_a_large_request_goes_alone():
    model = Model()
    answers = ask(model, [rows(0), rows(1, 2), rows(3, 4), rows(*range(7)), rows(5)], max_batch_size=4)
    assert sorted(model.sizes) == [1, 1, 4, 7]
    assert [len(answer["y"]) for answer in answers] == [1, 2, 2, 7, 1]


def test_shapes_that_differ_are_not_merged():
    model = Model()
    ask(model, [rows(0), np.zeros([1, 3], np.float32), rows(1), np.ones([1, 3], np.float32)])
    assert sorted(model.sizes) == [1, 1, 2]


@pytest.mark.parametrize("settings", [{"enabled": False}, {}])
def test_what_cannot_be_merged_runs_alone(settings):
    model = Model()
    requests = [np.float32(value) for value in range(4)] if not settings else [rows(value) for value in range(4)]
    answers = ask(model, requests, SCALAR if not settings else SIGNATURE, **settings)
    assert model.sizes == [1, 1, 1, 1]
    assert not any(isinstance(answer, Exception) for answer in answers)


def test_nobody_fails_for_a_neighbour():
    model = Model()
    answers = ask(model, [rows(0), rows(1), rows(np.nan), rows(2)])
    np.testing.assert_array_equal(answers[1]["y"], rows(2))
    assert isinstance(answers[2], ServingError)
    np.testing.assert_array_equal(answers[3]["y"], rows(4))


def test_too_much_waiting_is_refused():
    answers = ask(Model(), [rows(*range(3)), rows(*range(3)), rows(1)], max_enqueued_rows=6)
    assert isinstance(answers[2], ServingError)
    assert answers[2].code is Code.UNAVAILABLE
    assert len(answers[1]["y"]) == 3


def test_a_client_that_has_gone_costs_nothing():
    model = Model()
    answers = ask(model, [rows(0), rows(1), rows(2)], after=lambda tasks: tasks[1].cancel())
    assert isinstance(answers[1], asyncio.CancelledError)
    np.testing.assert_array_equal(answers[2]["y"], rows(4))
    assert model.sizes == [1, 1]


def test_the_timeout_waits_for_others_but_not_longer():
    model = Model(slow=False)
    began = time.monotonic()
    ask(model, [rows(1), rows(2)], batch_timeout=0.2)
    assert model.sizes == [2]
    assert time.monotonic() - began >= 0.2


def test_a_full_batch_does_not_wait():
    model = Model(slow=False)
    began = time.monotonic()
    ask(model, [rows(1), rows(2)], batch_timeout=30.0, max_batch_size=2)
    assert model.sizes == [2]
    assert time.monotonic() - began < 20
