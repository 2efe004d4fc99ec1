"""What scikit-learn's estimators share: a training behind `fit`, scores, and what pickle keeps."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import FLOAT_DTYPES, check_is_fitted, validate_data

from vae_tf.config import RunConfig
from vae_tf.config_sources import resolve_config
from vae_tf.errors import UserValueError
from vae_tf.quiet import quiet_retracing

if TYPE_CHECKING:
    from vae_tf.api.run import Run

__all__ = ["VAEEstimator"]

_NAME = "memory:X"
_TOGETHER = 32
"""Rows are answered in multiples of so many: what a row gets then depends on the others by no rounding."""


class VAEEstimator(BaseEstimator):
    """Trains a model on rows; see `VAETransformer`."""

    _takes_gaps = False

    def __init__(  # noqa: PLR0913 - parameters of an estimator are arguments of its constructor
        self,
        latent: str | None = None,
        epochs: int | None = None,
        config: Mapping[str, Any] | RunConfig | str | Path | None = None,
        overrides: Mapping[str, Any] | None = None,
        validation_fraction: float = 0.1,
        run_dir: str | Path | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.latent = latent
        self.epochs = epochs
        self.config = config
        self.overrides = overrides
        self.validation_fraction = validation_fraction
        self.run_dir = run_dir
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "VAEEstimator":  # noqa: N803 - scikit-learn's name
        """Train a model on rows, of which `validation_fraction` only say when it is best.

        Args:
            X: numbers [N, D], N >= 2; or a DataFrame of words, numbers, dates and gaps.
            y: not looked at.

        Raises:
            ValueError: rows or settings are unfit; a `UserValueError` where they are not for scikit-learn to check.
            NonFiniteLossError: the loss blew up.
        """
        self.run_ = self._train(self._checked(X, is_new=True))
        return self

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return how likely every row is under the model, [N]: its ELBO in nats, high means usual; as `Run.score` has it.

        Raises:
            UserValueError: the model is an autoencoder, which has no density.
        """
        x = self._checked(X)
        if not self.run_.vae.latent.has_density:
            raise UserValueError(
                "Scores need a density: an autoencoder (deterministic latent) has none. Choose another latent."
            )
        return -self._ask("score", "negative_elbo", x).astype(np.float64)

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """Return the mean of `score_samples`: what a grid search compares."""
        return float(self.score_samples(X).mean())

    def _checked(self, x: Any, is_new: bool = False) -> Any:
        """Return rows as an array of numbers, or a DataFrame as it is, where it has words or the model is of such."""
        from vae_tf.api.estimator_data import is_of_words
        from vae_tf.data.frames import is_frame

        if not is_new:
            check_is_fitted(self, "run_")
        if is_of_words(x) or (not is_new and is_frame(x) and self._is_of_table):
            validate_data(self, x, skip_check_array=True, reset=is_new)
            return x
        finite = "allow-nan" if self._takes_gaps else True
        least = 2 if is_new else 1
        return validate_data(self, x, reset=is_new, dtype=FLOAT_DTYPES, ensure_all_finite=finite, ensure_min_samples=least)

    @property
    def _is_of_table(self) -> bool:
        """Whether the model was fitted on a DataFrame of other columns than numbers."""
        said = set(self.run_.config.data.columns or ())  # of an array with gaps, what all columns are
        return bool(self.run_.spec.columns) and not (self._takes_gaps and said == set(self.run_.spec.feature_names))

    def _train(self, x: Any) -> "Run":
        from vae_tf.api.estimator_data import as_table, data_of_numbers, data_of_table
        from vae_tf.api.estimator_runs import train_rows

        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        fraction = self.validation_fraction
        if not 0 < fraction < 1:
            raise UserValueError(f"validation_fraction must lie between 0 and 1. Received: {fraction!r}.")
        options: dict[str, Any] = {"data.dataset": _NAME, "seed": seed, "training.epochs": self.epochs}
        names, is_table = self._names(), not isinstance(x, np.ndarray)
        if not is_table and self._takes_gaps:
            _refuse_empty(x, names)
            x, is_table = as_table(x, names), True
            options["data.columns"] = dict.fromkeys(names, "real")
        content = self.config.model_dump(mode="json") if isinstance(self.config, RunConfig) else self.config
        settings = resolve_config(None, content, options, self.latent, self.overrides or ())
        how = (settings.data, fraction, seed)
        dataset = data_of_table(x, *how) if is_table else data_of_numbers(x, names, *how)
        return train_rows(settings, dataset, self.run_dir, self.verbose)

    def _names(self) -> list[str]:
        """Return the columns' names; x0, x1, ... where X has none."""
        unnamed = [f"x{place}" for place in range(self.n_features_in_)]
        return [str(name) for name in getattr(self, "feature_names_in_", unnamed)]

    def _ask(self, signature: str, output: str, x: Any) -> np.ndarray:
        """Return an output of one of the model's signatures, [N, ...]."""
        rows = self.run_._exchange.examples(x)
        padded = np.concatenate([rows, np.repeat(rows[:1], -len(rows) % _TOGETHER, axis=0)])
        with quiet_retracing():  # a search makes many models, each with functions of its own
            return self.run_._answers.ask(signature, output, {"x": padded, "label": None})[: len(rows)]

    def __getstate__(self) -> dict[str, Any]:
        """Return what pickle and joblib keep: of a trained model its files, which hold no code."""
        from vae_tf.api.estimator_runs import pack_run

        state = dict(super().__getstate__())
        return {**state, "run_": pack_run(self.run_)} if hasattr(self, "run_") else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        from vae_tf.api.estimator_runs import unpack_run

        super().__setstate__({**state, "run_": unpack_run(state["run_"])} if "run_" in state else state)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._takes_gaps
        return tags


def _refuse_empty(x: np.ndarray, names: list[str]) -> None:
    """Check that every column has a number."""
    empty = [name for name, is_empty in zip(names, np.isnan(x).all(axis=0), strict=True) if is_empty]
    if empty:
        raise UserValueError(
            f"Columns must have a value in some row. Received: nothing but NaN in {', '.join(empty)}. Drop them."
        )
