"""What every side of a comparison shares: the setting, the images, the clock, and the register of sides."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

RATE, SIZE, HIDDEN, CONV = 1e-3, 20, 400, (32, 64)
NUM_SCORED = 10_000
SIDES: dict[str, Callable[..., dict[str, Any]]] = {}


def side(function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Register a measurement by its name."""
    SIDES[function.__name__] = function
    return function


def images(data: str, key: str = "x") -> np.ndarray:
    """Return images [N, 28, 28, 1], bytes: for training, or for testing by the key `x_test`."""
    with np.load(data) as file:
        return file[key]


def clock() -> np.ndarray:
    """Return the seconds that have passed, and those that all threads of this process have computed for."""
    return np.array([time.perf_counter(), time.process_time()])


def named(seconds: np.ndarray) -> dict[str, float]:
    """Return a difference of two times of `clock()` by its names in the results."""
    return dict(zip(("seconds", "cpu_seconds"), seconds.tolist(), strict=True))


def since(before: np.ndarray) -> dict[str, float]:
    """Return the seconds since `clock()` was asked: passed, and computed."""
    return named(clock() - before)


def after_first(times: list[np.ndarray]) -> dict[str, float]:
    """Return the mean seconds of the epochs after the first, which compiles and warms up: passed, and computed."""
    return named(np.diff(times, axis=0).mean(axis=0))


def until(target: float, train_epoch: Callable[[], Any], score: Callable[[], float]) -> dict[str, Any]:
    """Train until a score is at a target, at most 30 epochs; count the seconds of training, compilation with them."""
    seconds, epochs, loss = np.zeros(2), 0, float("inf")
    while loss > target and epochs < 30:
        before = clock()
        train_epoch()
        seconds, epochs = seconds + clock() - before, epochs + 1
        loss = score()
    return {**named(seconds), "epochs": epochs, "loss": loss}
