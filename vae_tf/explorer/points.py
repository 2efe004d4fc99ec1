"""The points of the map: examples encoded and scored by the servable, a part at a time; principal axes; what an axis tells."""

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from vae_tf.errors import UserError, UserValueError
from vae_tf.explorer.description import Block, Description
from vae_tf.explorer.examples import Examples
from vae_tf.serving import Client, ServingError

__all__ = ["Points", "axis_nats", "principal_axes"]

_CHUNK = 200
_TINY = 1e-9


class Points:
    """Codes and scores of examples, made in a thread of their own while the page is looked at.

    Args:
        client: of the model.
        description: of the model.
        examples: what is encoded.

    Attributes:
        num_encoded: how many have a code so far.
        num_scored: how many have a score so far.
        error: why it ended early; empty where it did not.
    """

    def __init__(self, client: Client, description: Description, examples: Examples) -> None:
        self._client, self._description, self.examples = client, description, examples
        self.codes = np.zeros((len(examples), description.size), np.float32)
        self.scores = np.full(len(examples), np.nan, np.float32)
        self.num_encoded = self.num_scored = 0
        self.error = ""
        self.summary: dict[str, Any] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="points")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End early, and wait for it."""
        self._stopped.set()
        if self._thread.ident:
            self._thread.join()

    def wait(self) -> None:
        """Wait until all is done.

        Raises:
            UserValueError: it ended early.
        """
        self._thread.join()
        if self.error:
            raise UserValueError(f"The examples cannot be encoded: {self.error}")

    def progress(self) -> dict[str, Any]:
        """Return how far it is."""
        has_scores = "score" in self._description.signatures
        return {
            "total": len(self.examples),
            "encoded": self.num_encoded,
            "scored": self.num_scored if has_scores else len(self.examples),
            "ready": bool(self.summary),
            "error": self.error,
        }

    def _work(self) -> None:
        try:
            parameters = self._encode()
            if parameters and not self._stopped.is_set():
                self.summary = self._summarise(parameters)
                if "score" in self._description.signatures:
                    self._score()
        except (ServingError, UserError) as error:
            self.error = str(error)

    def _encode(self) -> dict[str, np.ndarray]:
        kept = {name for block in self._description.blocks for name in (block.centre, block.spread) if name}
        parts: list[dict[str, np.ndarray]] = []
        for start in range(0, len(self.examples), _CHUNK):
            if self._stopped.is_set():
                break
            told = self._ask("encode", start)
            self.codes[start : start + _CHUNK] = told["mean"]
            parts.append({name: told[name] for name in kept})
            self.num_encoded = min(start + _CHUNK, len(self.examples))
        return {name: np.concatenate([part[name] for part in parts]) for name in kept} | {"mean": self.codes} if parts else {}

    def _score(self) -> None:
        for start in range(0, len(self.examples), _CHUNK):
            if self._stopped.is_set():
                break
            self.scores[start : start + _CHUNK] = self._ask("score", start)["negative_elbo"]
            self.num_scored = min(start + _CHUNK, len(self.examples))

    def _ask(self, signature: str, start: int) -> dict[str, np.ndarray]:
        wanted = self._client.fields(signature).inputs
        rows = {name: values for name, values in self.examples.rows(start, start + _CHUNK).items() if name in wanted}
        return self._client.predict(signature, rows)

    def _summarise(self, parameters: Mapping[str, np.ndarray]) -> dict[str, Any]:
        highest = int(self.examples.labels.max(initial=-1))
        return {
            "count": len(self.examples),
            "title": self.examples.title,
            "labels": list(self.examples.label_names) or [str(number) for number in range(highest + 1)],
            "principal": principal_axes(self.codes),
            "nats": [value for block in self._description.blocks for value in axis_nats(block, parameters)],
            "low": np.min(self.codes, axis=0).tolist(),
            "high": np.max(self.codes, axis=0).tolist(),
        }


def principal_axes(codes: np.ndarray, num_axes: int = 2) -> dict[str, Any]:
    """Return the centre of codes [N, D], the directions along which they vary most, and each one's share of the variance.

    Example:
        >>> axes = principal_axes(np.array([[0.0, 0.0], [2.0, 2.0], [4.0, 4.0]]))
        >>> axes["centre"], [round(share, 3) for share in axes["shares"]]
        ([2.0, 2.0], [1.0, 0.0])
    """
    centre = codes.mean(axis=0)
    covariance = np.atleast_2d(np.cov((codes - centre).astype(np.float64), rowvar=False, ddof=0))
    values, vectors = np.linalg.eigh(covariance)
    order = np.argsort(-values)[:num_axes]
    axes = vectors[:, order].T
    axes *= np.where(axes.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)  # the same sign every time
    shares = np.maximum(values[order], 0.0) / max(values.sum(), _TINY)
    return {"centre": centre.tolist(), "axes": axes.tolist(), "shares": np.abs(shares).tolist()}


def axis_nats(block: Block, parameters: Mapping[str, np.ndarray]) -> list[float]:
    """Return what every axis, or variable, of a block tells of an example, in nats: the mean KL from what all examples give.

    What all give is a Gaussian of their mean and variance for an axis, their mean chances for a variable, whatever the
    prior is. Without a spread the mean's own variance stands for it.

    Args:
        block: of z.
        parameters: of q(z|x) by name, and `mean` [N, D].

    Example:
        >>> same = {"mean": np.zeros((4, 1)), "loc": np.zeros((4, 1)), "scale": np.ones((4, 1))}
        >>> axis_nats(Block("", "continuous", 0, 1, centre="loc", spread="scale"), same)
        [0.0]
    """
    mean = parameters["mean"][:, block.start : block.start + block.size].astype(np.float64)
    if block.values != "continuous":
        chances = mean.reshape(len(mean), -1, block.num_classes)
        if block.values == "binary":
            chances = np.stack([mean, 1.0 - mean], axis=-1)
        told = _entropy(chances.mean(axis=0)) - _entropy(chances).mean(axis=0)
    elif block.spread:
        scale = np.maximum(parameters[block.spread].astype(np.float64), _TINY)
        whole = mean.var(axis=0) + np.square(scale).mean(axis=0)
        told = 0.5 * np.log(whole) - np.log(scale).mean(axis=0)
    else:
        told = 0.5 * np.log1p(mean.var(axis=0))
    return [max(0.0, float(value)) for value in told]


def _entropy(chances: np.ndarray) -> np.ndarray:
    safe = np.clip(chances, _TINY, 1.0)
    return -(safe * np.log(safe)).sum(axis=-1)
