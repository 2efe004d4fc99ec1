"""What a source promises: three splits that share no example, the same every time."""

import json
from typing import Any

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.contract.case import Case
from vae_tf.contract.finding import Promises, leave_out, require
from vae_tf.data.account import Account
from vae_tf.data.loading import load_dataset
from vae_tf.data.pipeline import Dataset, gather_examples

__all__ = ["PROMISES"]

_LIMIT = 1000
_SPLITS = ("train", "validation", "test")


def _load(case: Case) -> Dataset:
    leave_out(case.argument is None, f"nothing to load: add --dataset {case.part.kind}:ARGUMENT.")
    return load_dataset(DataConfig.model_validate({"dataset": case.argument, "limit": _LIMIT}))


def _examples(dataset: Dataset) -> dict[str, np.ndarray]:
    return {name: gather_examples(dataset, name, _LIMIT)[0] for name in _SPLITS}


def _splits(case: Case) -> None:
    dataset = _load(case)
    require(
        set(dataset.splits) == set(_SPLITS), f"the splits must be {', '.join(_SPLITS)}. Received: {', '.join(dataset.splits)}."
    )
    empty = [name for name in _SPLITS if not dataset.split(name).num_examples]
    require(not empty, f"there are no examples in {', '.join(empty)}.")
    for name, x in _examples(dataset).items():
        event = dataset.spec.event_shape
        require(x.shape[1:] == event, f"examples of {name} must have the shape {event}. Received: {x.shape[1:]}.")
        require(np.all(np.isfinite(x)), f"examples of {name} hold values that are not finite.")


def _disjoint(case: Case) -> None:
    rows = {name: [one.tobytes() for one in x] for name, x in _examples(_load(case)).items()}
    repeats = len(rows["train"]) - len(set(rows["train"]))
    leave_out(repeats, "the training examples repeat each other: whether splits share one cannot be told.")
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = len(set(rows[first]) & set(rows[second]))
        require(not shared, f"{first} and {second} share {shared} examples.")


def _same(case: Case) -> None:
    first, again = _load(case), _load(case)
    require(first.spec == again.spec, "loaded again, the description is another.")
    pairs: Any = ((_examples(first)[name], _examples(again)[name]) for name in _SPLITS)
    require(all(np.array_equal(a, b) for a, b in pairs), "loaded again, the examples are others: draw them by a fixed seed.")


def _account(case: Case) -> None:
    account = Account.of(_load(case), DataConfig(dataset=str(case.argument), limit=_LIMIT))
    require(account.notes, "nothing is told of the data: give `Dataset.notes`.")
    written = json.loads(json.dumps(account.as_json()))
    require(Account.from_json(written) == account, "the account of the data, written and read again, is another: see `notes`.")


PROMISES: Promises = {
    "three splits of finite examples": _splits,
    "splits share no example": _disjoint,
    "the same every time": _same,
    "an account that can be kept": _account,
}
