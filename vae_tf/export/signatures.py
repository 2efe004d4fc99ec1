"""Signatures: the functions of a servable, from a client's raw values to raw values. No request writes any state.

Rules that TensorFlow Serving sets (and a test holds every signature to): inputs and outputs have a leading unknown batch
dimension; rows do not depend on each other, so that requests may be merged; no Python operations, no compilation; the first
operation checks the shape, for the server itself does not.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.images import decode_image
from vae_tf.data.reading import AS_BEFORE, Reading
from vae_tf.data.spec import DatasetSpec
from vae_tf.evaluation.row_scores import SCORE_SAMPLES
from vae_tf.export.bounds import FINITE, ValueBounds, bounds_of_raw
from vae_tf.export.column_forms import with_columns
from vae_tf.export.column_names import columns_signature
from vae_tf.export.columns import served_columns
from vae_tf.export.functions import ServedFunctions, Tensors
from vae_tf.export.reading import reading_signature
from vae_tf.export.rows import ServedRows, served_functions
from vae_tf.export.signature import Input, Signature
from vae_tf.export.texts import clean_strings
from vae_tf.models.vae import VAE

__all__ = ["array_signatures", "make_signatures"]

_TEXT_OF = {"x": "text", "reconstruction": "reconstruction_text"}


def make_signatures(vae: VAE, spec: DatasetSpec) -> list[Signature]:
    """Return the signatures that a model is served with; `serving_default` is `reconstruct`.

    `reconstruct`, `encode` and `score` come in forms for what clients have: float values, for images also bytes (`_uint8`)
    and picture files (`_encoded`, brought to the model's size). Of a table of mixed columns, every column is an input and
    an output of its own; `columns` says what they are. `reading` says how files are read for the model. An autoencoder has
    no density: no `score`, no `impute`.

    Args:
        vae: the model.
        spec: how raw values become model inputs and back.
    """
    signatures = _traced_once(array_signatures(vae, spec))
    told = [*([columns_signature(spec)] if spec.feature_names else []), reading_signature(spec)]
    if spec.is_mixed:
        columns = served_columns(spec.columns, spec.missing)
        return [*with_columns(signatures, columns), *told]
    make_forms = _image_forms if spec.is_image else _text_forms
    forms = [form for signature in signatures if signature.name in _OF_X for form in make_forms(signature, spec)]
    if spec.is_text:
        signatures = [signature if signature.name in _AS_TOKENS else _with_text(signature, spec) for signature in signatures]
    return [*signatures, *forms, *told]


def _traced_once(signatures: list[Signature]) -> list[Signature]:
    """Return signatures whose functions are graphs, which their other forms (of bytes, files, texts, the default) call."""
    graphs = {one.function: tf.function(one.function, autograph=False) for one in signatures if one.name in _AS_TOKENS}
    return [replace(one, function=graphs.get(one.function, one.function)) for one in signatures]


def array_signatures(vae: VAE, spec: DatasetSpec) -> list[Signature]:
    """Return the signatures that take and give arrays of raw numbers [B, *event_shape]; NaN where a row has a gap.

    Args:
        vae: the model.
        spec: how raw values become model inputs and back.
    """
    functions = served_functions(vae, spec)
    raw, dtype, bounds = _describe_raw(spec), tf.as_dtype(spec.raw_dtype), None if spec.is_mixed else bounds_of_raw(spec)
    parameters = {name: f"parameter of q(z|x): {name}" for name in functions.parameter_names()}
    x = Input(tf.TensorSpec([None, *spec.event_shape], dtype, name="x"), raw, _middle(spec), bounds=bounds)
    z = _row("z", tf.float32, "a point of the latent space", np.zeros(vae.latent.size), FINITE, vae.latent.size)
    seed = _row("seed", tf.int64, "any number: equal seeds give equal draws", 0)
    cold = "1 for the prior itself; less keeps to its more probable part"
    temperature = _row("temperature", tf.float32, cold, 1.0, ValueBounds(0, is_open=True))
    fraction = _row("fraction", tf.float32, "how far along the way, from 0 to 1", 0.5, ValueBounds(0, 1))
    ends = [replace(x, spec=tf.TensorSpec(x.spec.shape, dtype, name=name)) for name in ("start", "stop")]
    what = "row of best guesses" if spec.is_mixed else "mean of p(x|z)"
    mean_x, drawn_x = {"x": f"{what}, {raw}"}, {"x": f"{'draw' if spec.is_drawn else 'mean'} of p(x|z), {raw}"}

    label = _label_inputs(vae, spec, "label")
    end_labels = _label_inputs(vae, spec, "start_label", "stop_label")
    reconstruction = {"reconstruction": f"{what} at the most probable z, {raw}"}
    reconstruct = Signature("reconstruct", functions.reconstruct, (x, *label), reconstruction)
    signatures = [
        replace(reconstruct, name="serving_default"),
        reconstruct,
        Signature("encode", functions.encode, (x, *label), {"mean": "mean of q(z|x)", **parameters}),
        Signature("decode", functions.decode, (z,), mean_x),
        Signature("sample", functions.sample, (seed, temperature, *label), {**drawn_x, "z": "the prior draw"}),
        Signature("interpolate", functions.interpolate, (*ends, fraction, *end_labels), {**mean_x, "z": "the point between"}),
    ]
    signatures += _of_codes(functions, mean_x)
    if vae.latent.has_density:
        measured = "in nats" if vae.latent.is_point else f"estimate in nats from {SCORE_SAMPLES} samples"
        bound = {"negative_elbo": f"{measured}; lower is more like the training data"}
        bound |= {"nats": "-log p of the cell given z, in nats; 0 of a gap"} if spec.is_mixed else {}
        signatures.append(Signature("score", functions.score, (x, *label), bound))
        signatures += _imputations(functions, x, seed, label)
    return signatures


_OF_X = ("reconstruct", "encode", "score")
_AS_TOKENS = ("serving_default", *_OF_X)


def _of_codes(functions: ServedFunctions, mean_x: dict[str, str]) -> list[Signature]:
    """Return the signature that takes whole numbers for z, where such stand for it."""
    shape = functions.vae.latent.code_shape
    if shape is None:
        return []
    within = ValueBounds(0, shape[1] - 1, is_whole=True)
    codes = _row("codes", tf.int64, "numbers that stand for z, as `encode` gives them", np.zeros(shape[0]), within, shape[0])
    return [Signature("decode_codes", functions.decode_codes, (codes,), {**mean_x, "z": "their point of z"})]


def _imputations(functions: ServedFunctions, x: Input, seed: Input, label: tuple[Input, ...]) -> list[Signature]:
    """Return the signatures that fill in what is missing."""
    spec, filled = functions.spec, {"x": f"the missing values filled in, {x.doc}"}
    nan = replace(x, doc=f"{x.doc}; NaN where missing", gap=np.nan)
    if spec.is_text:
        return []
    if isinstance(functions, ServedRows):
        sure = {"spread": "of what was filled in: the standard deviation of a number, the probability of a word"}
        return [
            Signature("impute", functions.fill_in, (nan, *label), {**filled, **sure}),
            Signature("impute_draw", functions.impute_draw, (nan, seed, *label), filled),
        ]
    mask = Input(tf.TensorSpec(x.spec.shape, tf.bool, name="observed"), "false where missing", np.ones(spec.event_shape, bool))

    def of_masked(x: tf.Tensor, observed: tf.Tensor, *rest: tf.Tensor) -> Tensors:
        nan.check(tf.where(observed, x, tf.constant(np.nan, x.dtype)))
        return functions.impute_masked(x, observed, *rest)

    return [
        Signature("impute", functions.impute, (nan, seed, *label), filled),
        Signature("impute_masked", of_masked, (replace(x, checks_itself=True), mask, seed, *label), filled),
    ]


def _row(name: str, dtype: tf.DType, doc: str, example: Any, bounds: ValueBounds | None = None, *shape: int) -> Input:
    one = np.asarray(example, dtype.as_numpy_dtype)
    return Input(tf.TensorSpec([None, *shape], dtype, name=name), doc, one, bounds=bounds)


def _label_inputs(vae: VAE, spec: DatasetSpec, *names: str) -> tuple[Input, ...]:
    """Return the inputs of labels, for a model that is told them."""
    if not vae.latent.num_labels:
        return ()
    classes = ", ".join(f"{index}: {name}" for index, name in enumerate(spec.label_names))
    bounds = ValueBounds(-1, vae.latent.num_labels - 1, is_whole=True)
    return tuple(
        _row(name, tf.int64, f"number of the label ({classes}); -1 where it is not known", 0, bounds) for name in names
    )


def _describe_raw(spec: DatasetSpec) -> str:
    if spec.is_text:
        return "token numbers, 0 from the end of the text on"
    if spec.is_mixed:
        return "in the table's own units"
    bounds = f"from {spec.raw_range[0]:g} to {spec.raw_range[1]:g}" if spec.raw_range else "in the data's own units"
    binary = "; the model sees 1 where it is above the middle, else 0" if spec.is_binary else ""
    return f"raw values {bounds}{binary}"


def _middle(spec: DatasetSpec) -> np.ndarray:
    """Return raw values that any model of this data takes."""
    return np.broadcast_to(np.asarray(spec.shift, spec.raw_dtype), spec.event_shape).astype(spec.raw_dtype)


def _image_forms(signature: Signature, spec: DatasetSpec) -> list[Signature]:
    """Return the signature for images as bytes, where these are the raw values, and as PNG or JPEG files."""
    is_wide = spec.pixel_bits == 16
    if spec.raw_range is None or spec.raw_range[0] != 0.0 or not (is_wide or 1.0 <= spec.raw_range[1] <= 255.0):
        return []
    share = 1.0 if is_wide else spec.raw_range[1] / 255.0
    reading = spec.reading or AS_BEFORE
    black = np.zeros(spec.event_shape, np.uint8)

    def of_bytes(x: tf.Tensor, *rest: tf.Tensor) -> Tensors:
        return signature.function(tf.cast(x, tf.float32), *rest)

    def of_files(image: tf.Tensor, *rest: tf.Tensor) -> Tensors:
        def decode(file: tf.Tensor) -> tf.Tensor:
            return tf.cast(decode_image(file, (height, width, channels), reading, bits=spec.pixel_bits), tf.float32)

        x = tf.map_fn(decode, image, fn_output_signature=tf.TensorSpec(spec.event_shape, tf.float32))
        return signature.function(x * share, *rest)

    height, width, channels = spec.event_shape
    rest = signature.inputs[1:]
    pixels = replace(signature.inputs[0], spec=tf.TensorSpec([None, *spec.event_shape], tf.uint8, name="x"), example=black)
    forms = [] if is_wide else [replace(signature, name=f"{signature.name}_uint8", function=of_bytes, inputs=(pixels, *rest))]
    if channels in (1, 3) or (channels == 4 and reading.alpha == "keep"):
        doc = f"a PNG, JPEG, BMP or GIF file, brought to {height}x{width} ({_read_as(reading)})"
        file = Input(tf.TensorSpec([None], tf.string, name="image"), doc, np.asarray(tf.io.encode_png(black).numpy(), object))
        forms.append(replace(signature, name=f"{signature.name}_encoded", function=of_files, inputs=(file, *rest)))
    return forms


def _read_as(reading: Reading) -> str:
    """Say what is done to a picture; the server does not turn it."""
    clear = {"flatten": f"what is transparent over {reading.background}", "keep": "alpha kept", "drop": "alpha dropped"}
    return f"{reading.fit}, {clear[reading.alpha]}; upright and in sRGB: EXIF and colour profiles are not read"


def _text_forms(signature: Signature, spec: DatasetSpec) -> list[Signature]:
    """Return the signature for texts as strings, where tokens are characters; subwords are a client's to make."""
    if not spec.is_text or spec.tokenizer:
        return []
    codes = tf.constant([ord(token) if token else -1 for token in spec.vocabulary])
    length = spec.event_shape[0]

    def of_strings(text: tf.Tensor, *rest: tf.Tensor) -> Tensors:
        decoded = tf.strings.unicode_decode(clean_strings(text, spec), "UTF-8").to_tensor(-2, shape=[None, length])
        matches = tf.cast(decoded[..., tf.newaxis] == codes, tf.float32)
        found = tf.cast(tf.argmax(matches, axis=-1), tf.float32)
        known = tf.where(tf.reduce_max(matches, axis=-1) > 0, found, 1.0)
        return signature.function(tf.where(decoded == -2, 0.0, known), *rest)

    field = Input(tf.TensorSpec([None], tf.string, name="text"), "UTF-8", np.asarray(b"", object))
    form = replace(signature, name=f"{signature.name}_text", function=of_strings, inputs=(field, *signature.inputs[1:]))
    return [_with_text(form, spec)]


def _with_text(signature: Signature, spec: DatasetSpec) -> Signature:
    """Return the signature with the text of every output of token numbers beside it."""
    tokens = tf.constant([token.replace("\u2581", " ") for token in spec.vocabulary])

    def function(*inputs: tf.Tensor) -> Tensors:
        outputs = signature.function(*inputs)
        found = {key: value for key, value in outputs.items() if key in ("x", "reconstruction")}
        return {**outputs, **{_TEXT_OF[key]: written(value) for key, value in found.items()}}

    def written(x: tf.Tensor) -> tf.Tensor:
        is_over = tf.cumsum(tf.cast(x == 0.0, tf.int32), axis=-1) > 0
        return tf.strings.reduce_join(tf.where(is_over, "", tf.gather(tokens, tf.cast(x, tf.int32))), axis=-1)

    docs = {_TEXT_OF[key]: f"{key} as text" for key in signature.output_docs if key in _TEXT_OF}
    return replace(signature, function=function, output_docs={**signature.output_docs, **docs})
