"""A few hundred mutated requests; `python tests/serving/fuzz.py` sends ten thousand."""

import grpc
import pytest
from fuzz import PREDICT, attack, grpc_seeds


def test_mutated_requests_are_refused_and_break_nothing(addresses):
    counts, wrong = attack(*addresses, cases=600, seed=1)
    assert wrong == []
    assert counts["REST 400"] > 100 and counts["gRPC INVALID_ARGUMENT"] > 50  # most are malformed
    assert counts["REST 200"] and counts["gRPC OK"]  # and some are not


def test_a_few_bytes_do_not_ask_for_all_memory(channel):
    message = grpc_seeds()[0]
    message.inputs["x"].tensor_content = b""
    message.inputs["x"].float_val.append(1.0)
    message.inputs["x"].tensor_shape.dim[0].size = 10**9
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary(PREDICT)(message.SerializeToString(), timeout=20)
    assert (error.value.code(), error.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "tensor parsing error: x")
