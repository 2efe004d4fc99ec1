"""A few hundred mutated requests; `python tests/serving/fuzz.py` sends ten thousand."""

from fuzz import attack


def test_mutated_requests_are_refused_and_break_nothing(addresses):
    counts, wrong = attack(*addresses, cases=600, seed=1)
    assert wrong == []
    assert counts["REST 400"] > 100 and counts["gRPC INVALID_ARGUMENT"] > 50  # most are malformed
    assert counts["REST 200"] and counts["gRPC OK"]  # and some are not
