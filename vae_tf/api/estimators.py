"""Estimators for scikit-learn: what a run answers behind `transform`, `predict` and `score`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, OneToOneFeatureMixin, OutlierMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from vae_tf.api.estimator_base import VAEEstimator
from vae_tf.config import RunConfig
from vae_tf.errors import UserValueError

__all__ = ["VAEImputer", "VAEOutlierDetector", "VAETransformer"]


class VAETransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, VAEEstimator):
    """Rows to codes and back: `transform` gives the means of q(z|x), `inverse_transform` those of p(x|z).

    Numbers are standardised; a DataFrame may have words, dates and gaps too. What is left open the data decide, as in
    `vae_tf.train`; that is for pictures, series and texts as well.

    Args:
        latent: `gaussian:20`, `gaussian:10+categorical:1x10`; default: by the data.
        epochs: passes over the rows; default: by the data.
        config: any part of a configuration: a mapping, a RunConfig, or the path of a YAML file.
        overrides: any settings by path, such as `{"training.batch_size": 64}`; they are laid over all others.
        validation_fraction: of the rows, which say when the model is best, and which the networks do not learn from.
        run_dir: a folder in which every fit leaves a run of its own, for `vae_tf.Run.open` and the commands; default: none is
            left.
        random_state: an int makes fits repeat bit for bit.
        verbose: show progress and warnings.

    Attributes:
        run_: the `vae_tf.Run` of the last fit, with all that it can be asked.
        n_features_in_: columns of X.
        feature_names_in_: their names, of a DataFrame.

    Example:
        >>> rows = np.random.default_rng(0).normal(5, 2, size=(60, 3))
        >>> estimator = VAETransformer("gaussian:2", epochs=1, random_state=0).fit(rows)
        >>> estimator.transform(rows).shape, estimator.inverse_transform(np.zeros((4, 2))).shape
        ((60, 2), (4, 3))
    """

    def transform(self, X: Any) -> Any:  # noqa: N803
        """Return the means of q(z|x), float32 [N, size].

        Raises:
            ValueError: rows are not such as those of `fit`.
        """
        return self._ask("encode", "mean", self._checked(X))

    def inverse_transform(self, X: Any) -> Any:  # noqa: N803
        """Return the means of p(x|z) at codes [N, size], in the units of the rows; of a DataFrame of codes a DataFrame.

        Raises:
            UserValueError: they have another shape.
        """
        check_is_fitted(self, "run_")
        return self.run_.decode(X)

    @property
    def _n_features_out(self) -> int:
        """How many columns codes have, for the names of scikit-learn's mixin: vaetransformer0, ..."""
        return int(self.run_.vae.latent.size)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class VAEImputer(OneToOneFeatureMixin, TransformerMixin, VAEEstimator):
    """Fills gaps by p(what is missing | what is there): means of numbers, the likeliest word; all else stays as it is.

    Draws from the model are weighed by how well they agree with what is there (Mattei and Frellsen 2019, equation 12), as
    `Run.impute` does.

    Args:
        latent: as of `VAETransformer`.
        epochs: likewise.
        config: likewise.
        overrides: likewise; `data.columns.NAME` says what a column of a DataFrame is.
        validation_fraction: likewise.
        run_dir: likewise.
        random_state: likewise; also of the draws.
        verbose: likewise.
        num_samples: draws that are weighed for every row.

    Attributes:
        run_: as of `VAETransformer`.
        n_features_in_: columns of X.
        feature_names_in_: their names, of a DataFrame.

    Example:
        >>> rows = np.random.default_rng(0).normal(5, 2, size=(60, 3))
        >>> rows[::7, 1] = np.nan
        >>> filled = VAEImputer("gaussian:2", epochs=1, random_state=0, num_samples=50).fit_transform(rows)
        >>> bool(np.isnan(filled).any()), bool((filled[:, 0] == rows[:, 0]).all())
        (False, True)
    """

    _takes_gaps = True

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        latent: str | None = None,
        epochs: int | None = None,
        config: Mapping[str, Any] | RunConfig | str | Path | None = None,
        overrides: Mapping[str, Any] | None = None,
        validation_fraction: float = 0.1,
        run_dir: str | Path | None = None,
        random_state: Any = None,
        verbose: bool = False,
        num_samples: int = 200,
    ) -> None:
        super().__init__(latent, epochs, config, overrides, validation_fraction, run_dir, random_state, verbose)
        self.num_samples = num_samples

    def fit(self, X: Any, y: Any = None) -> "VAEImputer":  # noqa: N803
        """Train a model on rows, of which cells may be missing.

        Args:
            X: numbers [N, D], NaN where one is missing; or a DataFrame of words, numbers, dates and gaps.
            y: not looked at.

        Raises:
            ValueError: rows or settings are unfit, or a column has nothing but gaps.
            NonFiniteLossError: the loss blew up.
        """
        super().fit(X, y)
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        """Return the rows with their gaps filled in: an array of X's type, or a DataFrame of the same kind.

        Raises:
            ValueError: rows are not such as those of `fit`.
        """
        x = self._checked(X)
        how: dict[str, Any] = {"num_samples": self.num_samples, "seed": self.run_.config.seed}
        if not isinstance(x, np.ndarray):
            return self.run_.impute(x, **how)
        from vae_tf.api.estimator_data import as_table

        filled = self.run_.impute(as_table(x, self._names()), **how)
        guesses = np.stack([filled.column(place).to_numpy() for place in range(x.shape[1])], axis=1)
        return np.where(np.isnan(x), guesses, x).astype(x.dtype)


class VAEOutlierDetector(OutlierMixin, VAEEstimator):
    """Finds rows that are unlikely under a model of the rest: those whose ELBO is lower than that of most rows of `fit`.

    Args:
        latent: as of `VAETransformer`.
        epochs: likewise.
        config: likewise.
        overrides: likewise.
        validation_fraction: likewise.
        run_dir: likewise.
        random_state: likewise.
        verbose: likewise.
        contamination: share of the rows of `fit` that are called outliers, in (0, 0.5].

    Attributes:
        offset_: the ELBO below which a row is one, in nats.
        run_: as of `VAETransformer`.
        n_features_in_: columns of X.
        feature_names_in_: their names, of a DataFrame.

    Example:
        >>> rows = np.random.default_rng(0).normal(5, 2, size=(60, 3))
        >>> detector = VAEOutlierDetector("gaussian:2", epochs=1, random_state=0, contamination=0.1)
        >>> (detector.fit_predict(rows) == -1).sum(), detector.predict([[500, 0, 0]])
        (np.int64(6), array([-1]))
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        latent: str | None = None,
        epochs: int | None = None,
        config: Mapping[str, Any] | RunConfig | str | Path | None = None,
        overrides: Mapping[str, Any] | None = None,
        validation_fraction: float = 0.1,
        run_dir: str | Path | None = None,
        random_state: Any = None,
        verbose: bool = False,
        contamination: float = 0.1,
    ) -> None:
        super().__init__(latent, epochs, config, overrides, validation_fraction, run_dir, random_state, verbose)
        self.contamination = contamination

    def fit(self, X: Any, y: Any = None) -> "VAEOutlierDetector":  # noqa: N803
        """Train a model on rows, and set the threshold by their scores.

        Args:
            X: numbers [N, D], N >= 2; or a DataFrame of words, numbers, dates and gaps.
            y: not looked at.

        Raises:
            ValueError: rows or settings are unfit.
            NonFiniteLossError: the loss blew up.
        """
        if not 0 < self.contamination <= 0.5:
            raise UserValueError(f"contamination must lie in (0, 0.5]. Received: {self.contamination!r}.")
        super().fit(X, y)
        self.offset_ = float(np.percentile(self.score_samples(X), 100 * self.contamination))
        return self

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return `score_samples` less the threshold, [N]: below 0 for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return -1 for outliers and 1 for all other rows, [N]."""
        return np.where(self.decision_function(X) >= 0, 1, -1)
