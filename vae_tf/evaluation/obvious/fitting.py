"""Plain models of a dataset, by the kind of its data: fitted to the training split, measured on given examples."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import NMF, PCA
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from vae_tf.data.spec import DatasetSpec
from vae_tf.data.text import decode_text
from vae_tf.evaluation.obvious import chains, densities, masses, texts
from vae_tf.evaluation.obvious.base import BITS, NATS, SQUARED_ERROR, Plain

__all__ = ["PlainData", "fit_obvious", "texts_with_ends"]

_MAX_MIXTURE_COLUMNS = 64
_MAX_COUNTS = 2e6
_LONG = 100
"""Numbers of an example from which single precision and randomised singular vectors save seconds."""
_LEAST_CHAINED = 500
"""Rows that a chain of regressions is fitted to, at least: where there is time for fewer, it is left out."""
_END = "\N{END OF TEXT}"


@dataclass(frozen=True)
class PlainData:
    """What plain models are fitted to and measured on: model inputs, float32 [N, *event_shape].

    Attributes:
        spec: what the data are.
        train: examples to fit to.
        validation: examples to choose an order by.
        test: examples to measure.
        code_size: numbers in a code of the model.
        code_is_discrete: whether a code is one of finitely many.
        measure: what the model's likelihood is on these data: `density`, `mass`, or "" for neither.
        floor: least scale of the model's own likelihood.
        num_levels: that a level likelihood tells apart.
        seed: of random starts.
        has_nats: whether the model has a likelihood of x at all; an autoencoder has none.
    """

    spec: DatasetSpec
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    code_size: int
    measure: str
    floor: float = 1e-2
    num_levels: int = 2
    seed: int = 0
    has_nats: bool = True
    code_is_discrete: bool = False

    def flat(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the training examples as rows, float32 where these are long, and the measured ones, float64."""
        train, test = (x.reshape(len(x), -1) for x in (self.train, self.test))
        return train if train.shape[1] > _LONG else train.astype(np.float64), test.astype(np.float64)


def fit_obvious(data: PlainData) -> list[Plain]:
    """Fit every plain model that the data call for.

    Args:
        data: examples, and what of the model decides what compares with it.

    Returns:
        Their numbers on `data.test`.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="real")
        >>> rows = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
        >>> [plain.name for plain in fit_obvious(PlainData(spec, rows, rows, rows, code_size=1, measure="density"))]
        ['independent columns', 'full Gaussian (Ledoit-Wolf)', 'Gaussian mixture of 1 (by BIC)']
    """
    of_kind = _BY_SUPPORT.get(data.spec.value_support, _of_numbers)
    with threadpool_limits(1, user_api="blas"):  # hundreds of small products: threads that wait for each other take far longer
        return list(of_kind(data))


def _of_numbers(data: PlainData) -> Iterable[Plain]:
    """Pictures, which people look at, have errors beside PCA's; all else, whose nats say more, only where it has no nats."""
    is_table = len(data.spec.event_shape) == 1
    has_density = data.has_nats and data.measure == "density"
    train, test = data.flat()
    if not (is_table and has_density):
        pca = _pca(train, data)
        if data.spec.is_image or not has_density:
            yield from _errors(data, pca, train, test)
        if has_density:
            note = _density_note(data)
            nll = densities.ppca(pca.components_, pca.explained_variance_, train, test, data.floor)
            yield Plain(f"probabilistic PCA of {pca.n_components_} components", NATS, nll, note)
    if not data.has_nats:
        return
    if data.measure == "mass":
        nll = masses.independent_levels(train, test, data.num_levels)
        yield Plain("independent columns" if is_table else "independent pixels", NATS, nll)
    elif data.measure == "density":
        yield from _densities(data, train, test)
    else:
        why = "a cross-entropy of grey values is no likelihood, so no number in nats compares with it"
        yield Plain("independent pixels", NATS, np.zeros(len(test)), unfair=why)


def _pca(train: np.ndarray, data: PlainData) -> PCA:
    size = max(1, min(data.code_size, *train.shape))
    is_cut = min(train.shape) > _LONG and size < 0.2 * min(train.shape)
    return PCA(size, svd_solver="randomized" if is_cut else "auto", random_state=data.seed).fit(train)


def _errors(data: PlainData, pca: PCA, train: np.ndarray, test: np.ndarray) -> Iterable[Plain]:
    """Give the mean example's squared error a value, and that of PCA's reconstructions."""
    mean = train.mean(axis=0)
    noun = "picture" if data.spec.is_image else "example"
    yield Plain(f"mean {noun}", SQUARED_ERROR, ((test - mean) ** 2).mean(axis=1))
    size = pca.n_components_
    error = ((test - pca.inverse_transform(pca.transform(test))) ** 2).mean(axis=1)
    yield Plain(f"PCA of {size} components", SQUARED_ERROR, error, unfair=_unfair_code(data, test.shape[1]))


def _unfair_code(data: PlainData, num_values: int) -> str:
    """Say why PCA's code does not compare with the model's, where it does not."""
    if data.code_size >= num_values:
        return "a code has as many numbers as an example, so PCA loses nothing"
    return "a code is one of finitely many, where every component keeps an exact number" if data.code_is_discrete else ""


def _densities(data: PlainData, train: np.ndarray, test: np.ndarray) -> Iterable[Plain]:
    note, shape = _density_note(data), data.spec.event_shape
    noun = "pixels" if data.spec.is_image else "columns"
    yield Plain(f"independent {noun}", NATS, densities.independent_normals(train, test, data.floor), note)
    if data.spec.is_series:
        windows, chosen_by, measured = (x.astype(np.float64) for x in (data.train, data.validation, data.test))
        nll, order = densities.linear_autoregression(windows, chosen_by, measured, data.floor)
        yield Plain(f"linear autoregression of order {order} (by validation)", NATS, nll, note)
    if len(shape) == 1:
        yield Plain("full Gaussian (Ledoit-Wolf)", NATS, densities.full_gaussian(train, test, data.floor), note)
        if shape[0] <= _MAX_MIXTURE_COLUMNS:
            nll, size = densities.mixture_of_gaussians(train, test, data.floor, data.seed)
            used = f"Fitted to {densities.MIXTURE_ROWS:,} examples." if len(train) > densities.MIXTURE_ROWS else ""
            yield Plain(f"Gaussian mixture of {size} (by BIC)", NATS, nll, f"{used} {note}".strip())


def _density_note(data: PlainData) -> str:
    """Say where a density stands for values that are not continuous."""
    if data.spec.num_levels is not None:
        return "Both are densities of rounded values, which can grow without limit: read the difference with care."
    rows = data.test.reshape(len(data.test), -1)
    kinds = [len(np.unique(column)) for column in rows.T[:_MAX_MIXTURE_COLUMNS]]
    repeating = sum(kind <= len(rows) / 2 for kind in kinds)
    if not repeating or len(rows) < 10:
        return ""
    return (
        f"{repeating} of {len(kinds)} columns repeat their values (whole numbers, rounding): a density can grow without limit "
        "on such, so part of a difference may be that."
    )


def _of_counts(data: PlainData) -> Iterable[Plain]:
    train, test = data.flat()
    rows = train[: max(100, int(_MAX_COUNTS / train.shape[1]))]
    size = max(1, min(data.code_size, *rows.shape))
    if data.has_nats:
        yield Plain("unigram with a negative binomial length", NATS, masses.unigram(train, test))
        yield Plain("independent counts", NATS, masses.independent_counts(train, test))
        note = f"Latent Dirichlet allocation with a negative binomial length, fitted to {len(rows):,}; a tight bound."
        yield Plain(f"LDA of {size} topics", NATS, masses.topics(rows, test, size, data.seed), note)
        return
    with warnings.catch_warnings():  # a factorisation that is still improving is one all the same
        warnings.simplefilter("ignore", ConvergenceWarning)
        nmf = NMF(size, init="nndsvda", random_state=data.seed, max_iter=100).fit(rows)
        error = ((test - nmf.transform(test) @ nmf.components_) ** 2).mean(axis=1)
    note = f"NMF minimises this error on each measured document; fitted to {len(rows):,}."
    yield Plain(f"NMF of {size} components", SQUARED_ERROR, error, note)


def _of_cells(data: PlainData) -> Iterable[Plain]:
    """Give every column's own distribution, and one of every column given those before it by ridge and logistic regressions."""
    if data.has_nats:
        note = "Of repeated values and words probabilities, of other numbers densities, in both alike."
        nats = masses.independent_cells(data.spec.columns, data.train, data.test)
        yield Plain("independent columns", NATS, nats.sum(axis=1), note)
        if len(train := data.train[: chains.most_rows(data.spec.columns)]) >= min(_LEAST_CHAINED, len(data.train)):
            less = f" Fitted to {len(train):,} rows." if len(train) < len(data.train) else ""
            nats = chains.chained_cells(data.spec.columns, train, data.test)
            yield Plain("chain of regressions", NATS, nats.sum(axis=1), f"{note}{less}")


def _of_texts(data: PlainData) -> Iterable[Plain]:
    if not data.has_nats:
        return
    train, validation, test = (texts_with_ends(data.spec, x) for x in (data.train, data.validation, data.test))
    characters = set("".join(train)) | {_END, "\N{REPLACEMENT CHARACTER}"}
    size = max(len(characters), 0 if data.spec.tokenizer else len(data.spec.vocabulary))
    bits, order = texts.best_ngram(train, validation, test, size)
    known = f"fitted to {len(train):,} training texts"
    yield Plain(f"{order}-gram of characters (length by validation)", BITS, np.array(bits), f"Witten-Bell, {known}.")
    total = np.array([texts.compressed_bits(train, test)])
    yield Plain("LZMA", BITS, total, f"Compressed behind the training texts ({known}), the measured texts all together.")


_BY_SUPPORT = {"token": _of_texts, "count": _of_counts, "mixed": _of_cells}


def texts_with_ends(spec: DatasetSpec, x: np.ndarray) -> list[str]:
    """Return texts [N, T] as strings, with an end mark where one was predicted.

    Example:
        >>> spec = DatasetSpec(name="toy", event_shape=(2,), value_support="token", vocabulary=("", "?", "a"))
        >>> [len(text) for text in texts_with_ends(spec, np.array([[2, 0], [2, 2]]))]
        [2, 2]
    """
    return [text + (_END if (row == 0).any() else "") for text, row in zip(decode_text(spec, x), x, strict=True)]
