"""Models made by hand: a `VAE` of any Keras models, measured and exported without a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from vae_tf.api.exchange import Exchange
from vae_tf.api.measured import Measured
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.errors import UserValueError
from vae_tf.evaluation.assessment import PARTS, AssessmentSettings, Subject, assess
from vae_tf.export.servable import export_vae
from vae_tf.models.vae import VAE

__all__ = ["evaluate_model", "export_model"]

_WITHOUT_TRAINING = ("bounds", "latent")
Description = DatasetSpec | Mapping[str, Any] | None


def evaluate_model(  # noqa: PLR0913 - what the command `evaluate` has as options
    vae: VAE,
    x: Any,
    *,
    labels: Any = None,
    spec: Description = None,
    train: Any = None,
    num_samples: int = 500,
    seed: int = 0,
    parts: Sequence[str] = PARTS,
) -> dict[str, Any]:
    """Measure a model that was made and fitted by hand, and say what the numbers mean, as the command `evaluate --json` does.

    Args:
        vae: the model.
        x: examples it was not trained on, [N, *event_shape], as it was fitted on; with `spec`, raw values.
        labels: whole numbers from 0, [N]; a model that is told labels needs them, others have their codes probed.
        spec: what the data are: a DatasetSpec or a mapping of any of its fields (`scale`, `raw_range`, `label_names`, ...).
            Default: values of the model's own event shape, not scaled.
        train: x or (x, labels) of the training: without them, `obvious`, `representation` and `generation` are left out.
        num_samples: importance samples an example.
        seed: of the draws.
        parts: among bounds, obvious, latent, representation, generation; bounds are always measured.

    Raises:
        UserValueError: shapes, labels or settings are wrong.

    Example:
        >>> import keras, vae_tf
        >>> latent, likelihood = vae_tf.GaussianLatent(size=2), vae_tf.GaussianLikelihood(event_shape=(3,))
        >>> encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(latent.params_size)])
        >>> decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(*likelihood.params_shape)])
        >>> vae, x = VAE(encoder, latent, decoder, likelihood), np.ones((8, 3))
        >>> found = evaluate_model(vae, x, num_samples=5, parts=["bounds"])
        >>> found["num_examples"], found["nll"] <= found["negative_elbo"]
        (8, True)
    """
    settings = AssessmentSettings(num_samples=num_samples, parts=_possible(parts, train))
    described = _describe(vae, spec, x)
    exchange = Exchange(vae, described)
    splits = {"test": _split(exchange, x, labels)}
    if train is not None:
        splits["train"] = _split(exchange, *(train if isinstance(train, tuple) else (train, None)))
    counts = {f"num_{name}": split.num_examples for name, split in splits.items()}
    subject = Subject(described.name, vae, Dataset(described.model_copy(update=counts), splits), seed)
    return Measured(described.name, assess(subject, settings))


def export_model(
    vae: VAE,
    output: str | Path = "saved_models",
    *,
    name: str | None = None,
    spec: Description = None,
    check: bool = True,
    keep: int | None = None,
) -> Path:
    """Write a model that was made and fitted by hand as a SavedModel for TensorFlow Serving, as the command `export` does.

    Args:
        vae: the model.
        output: the folder of all servables.
        name: the servable's name; default: that of the spec, or `model`.
        spec: what clients send: a DatasetSpec or a mapping of any of its fields, such as
            `{"value_support": "unit", "raw_range": (0, 255), "scale": (255,)}` for pictures in bytes, which adds signatures for
            bytes and for PNG and JPEG files. Default: values as the model was fitted on.
        check: run every signature in a process of its own, and compare, before the version appears.
        keep: remove all but the newest versions.

    Returns:
        The folder of the version.

    Raises:
        UserValueError: the spec does not fit the model, or the name is not fit for a URL.
        UserFileError: the folder cannot be written.
        ServableMismatchError: the check failed; nothing was written.

    Example:
        >>> import keras, tempfile, vae_tf
        >>> latent, likelihood = vae_tf.GaussianLatent(size=2), vae_tf.BernoulliLikelihood(event_shape=(3,))
        >>> encoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(latent.params_size)])
        >>> decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        >>> path = export_model(VAE(encoder, latent, decoder, likelihood), tempfile.mkdtemp(), name="toy", check=False)
        >>> path.parent.name, path.name
        ('toy', '1')
    """
    return export_vae(vae, _describe(vae, spec), output, name, check, keep).path


def _possible(parts: Sequence[str], train: Any) -> tuple[str, ...]:
    """Return the parts that can be measured."""
    return tuple(part for part in parts if train is not None or part in _WITHOUT_TRAINING or part not in PARTS)


def _describe(vae: VAE, spec: Description, x: Any = None) -> DatasetSpec:
    """Return what the data of a model are: from what is given, from its own event shape, from its examples."""
    if not isinstance(vae, VAE):
        raise UserValueError(f"The model must be a vae_tf.VAE. Received: {type(vae).__name__}.")
    if spec is None or isinstance(spec, Mapping):
        fields = {"name": "model", "event_shape": vae.event_shape, "value_support": _support(x), **(spec or {})}
        try:
            spec = DatasetSpec.model_validate(fields)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise UserValueError(f"spec: {where}: {first['msg']}. Received: {first['input']!r}.") from error
    if spec.event_shape != vae.event_shape:
        raise UserValueError(f"spec must have the model's event shape {vae.event_shape}. Received: {spec.event_shape}.")
    return spec


def _support(x: Any) -> str:
    """Return where values lie; real where there are none to see, so that nothing is done to them."""
    values = np.asarray([] if x is None else x)
    if values.dtype.kind not in "buif" or not values.size:
        return "real"
    if bool(((values == 0) | (values == 1)).all()):
        return "binary"
    return "unit" if bool(values.min() >= 0 and values.max() <= 1) else "real"


def _split(exchange: Exchange, x: Any, labels: Any) -> ArraySplit:
    given = exchange.examples(x)
    ids = np.full(len(given), NO_LABEL) if labels is None else np.asarray(labels)
    if ids.shape != (len(given),) or ids.dtype.kind not in "iu":
        raise UserValueError(f"labels must be whole numbers, one for each of {len(given)} examples. Received: {labels!r:.60}.")
    return ArraySplit(given, ids.astype(np.int64))
