"""A typed client of a served VAE, over REST or gRPC; it imports no TensorFlow."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from vae_tf.data.file_reading import USUAL, FileReading
from vae_tf.errors import UserValueError
from vae_tf.files import read_file
from vae_tf.serving.access import Access
from vae_tf.serving.binary_transport import BinaryRestTransport
from vae_tf.serving.codes import Code, ServingError
from vae_tf.serving.tensors import has_shape, object_array
from vae_tf.serving.transports import GrpcTransport, ModelVersion, RestTransport, SignatureFields, Transport

__all__ = ["Client"]

Images = Sequence[Any] | np.ndarray
_POLL_SECONDS = 0.2
_LABELS = ("label", "start_label", "stop_label")
_SCHEMES = ("http", "https", "grpc", "grpcs")


class Client:
    """Asks a model server (TensorFlow Serving, or the embedded one) about one model.

    Inputs are raw values, as the training data had them; of a model of images also paths or contents of picture files; of one
    of texts also strings.

    Args:
        server: `http://host:8501` for REST, `grpc://host:8500` for gRPC; with TLS `https://` and `grpcs://`.
        model: the model's name.
        version: a version; default: the newest.
        label: a version's label, instead of its number.
        timeout: seconds for one call, retries included.
        num_retries: how often a call is tried again when the server is not reachable or too busy; waits 0.1, 0.2, 0.4 ... s.
        api_key_file: holds the API key; default: the environment variable VAE_TF_API_KEY, if it is there.
        ca_file: certificates of the authorities that are trusted, PEM; default: the system's.
        binary: over REST, tensors as bytes instead of JSON, which the embedded server has and TensorFlow Serving has not.

    Raises:
        UserValueError: the address has another form, or a file holds something else; bytes over gRPC, or with a label.
        UserFileError: a file cannot be read.

    Example:
        >>> with Client("http://127.0.0.1:8501", "mnist") as client:  # doctest: +SKIP
        ...     digits = client.sample(16, seed=0)
    """

    def __init__(  # noqa: PLR0913 - what a connection is made of
        self,
        server: str,
        model: str,
        version: int | None = None,
        label: str | None = None,
        timeout: float = 30.0,
        num_retries: int = 3,
        api_key_file: Path | None = None,
        ca_file: Path | None = None,
        *,
        binary: bool = False,
    ) -> None:
        if version is not None and label is not None:
            raise UserValueError("Give a version or a label, not both.")
        wanted = ModelVersion(model, version, label)
        scheme, separator, rest = server.partition("://")
        if not separator or not rest or scheme not in _SCHEMES:
            forms = ", ".join(f"{one}://HOST:PORT" for one in _SCHEMES)
            raise UserValueError(f"The server must be one of {forms}. Received: {server!r}.")
        has_tls = scheme in ("https", "grpcs")
        if ca_file and not has_tls:
            raise UserValueError(f"A file of authorities is for https:// and grpcs://. Received: {server!r}.")
        if binary and scheme.startswith("grpc"):
            raise UserValueError(f"binary is for http:// and https://: gRPC's tensors are bytes always. Received: {server!r}.")
        access = Access.of(api_key_file, ca_file)
        access.warn(server, urlsplit(f"//{rest}").hostname or "", has_tls)
        over_rest = BinaryRestTransport if binary else RestTransport
        self._transport: Transport = (
            GrpcTransport(rest, wanted, num_retries, access, has_tls)
            if scheme.startswith("grpc")
            else over_rest(server, wanted, num_retries, access)
        )
        self._timeout = timeout
        self._signatures: dict[str, SignatureFields] | None = None
        self._reading: FileReading | None = None

    def __enter__(self) -> "Client":
        """Return the client."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # --- what the model does ---

    def encode(self, x: Images) -> dict[str, np.ndarray]:
        """Return the posterior's mean [B, size] and its parameters, by name."""
        return self.of_images("encode", x)

    def reconstruct(self, x: Images) -> np.ndarray:
        """Return what the model makes of x, [B, *event_shape], raw values."""
        return self.of_images("reconstruct", x, "reconstruction")["reconstruction"]

    def score(self, x: Images) -> np.ndarray:
        """Return the negative ELBO of every x, [B], in nats: high for what is unlike the training data."""
        return self.of_images("score", x)["negative_elbo"]

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Return the mean of p(x|z) for z [B, size], raw values."""
        return self.predict("decode", {"z": z})["x"]

    def sample(self, num: int, seed: int = 0, temperature: float = 1.0) -> np.ndarray:
        """Draw from the model, [num, *event_shape]; row i is drawn by the number `seed + i`."""
        return self.sample_seeds(np.arange(seed, seed + num), temperature)

    def sample_seeds(self, seeds: Sequence[int] | np.ndarray, temperature: float = 1.0) -> np.ndarray:
        """Draw one x a seed, [B, *event_shape]; equal seeds give equal draws."""
        seeds = np.asarray(seeds, np.int64)
        return self.predict("sample", {"seed": seeds, "temperature": np.full(seeds.shape, temperature)}, ["x"])["x"]

    def interpolate(self, start: np.ndarray, stop: np.ndarray, num_steps: int = 8) -> np.ndarray:
        """Walk from one x to another, both [*event_shape], through the latent space: [num_steps, *event_shape]."""
        ends = [np.repeat(np.asarray(x)[np.newaxis], num_steps, axis=0) for x in (start, stop)]
        inputs = {"start": ends[0], "stop": ends[1], "fraction": np.linspace(0.0, 1.0, num_steps)}
        return self.predict("interpolate", inputs, ["x"])["x"]

    def impute(self, x: np.ndarray, observed: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
        """Fill in missing values of x [B, *event_shape]: where `observed` is false, or NaN if it is not given."""
        x = np.asarray(x)
        inputs = {"x": x, "seed": np.arange(seed, seed + len(x))}
        if observed is None:
            return self.predict("impute", inputs)["x"]
        return self.predict("impute_masked", {**inputs, "observed": np.asarray(observed, bool)})["x"]

    # --- what any model does ---

    def predict(
        self, signature: str, inputs: Mapping[str, Any], outputs: Sequence[str] = (), timeout: float | None = None
    ) -> dict[str, np.ndarray]:
        """Run a signature.

        Args:
            signature: its name.
            inputs: name to array; values are converted to the declared types. Labels that are not given are not known.
            outputs: names wanted; default: all.
            timeout: seconds; default: the client's.

        Raises:
            UserValueError: the signature, or one of the names, is not there, or a value does not fit; nothing was sent.
            ServingError: what the server answered, or that it did not.
        """
        fields = self.fields(signature)
        inputs = _with_labels(inputs, fields)
        if set(inputs) != set(fields.inputs):
            raise UserValueError(
                f"{signature} takes {', '.join(sorted(fields.inputs))}. Received: {', '.join(inputs) or 'nothing'}."
            )
        unknown = [name for name in outputs if name not in fields.outputs]
        if unknown:
            raise UserValueError(f"{signature} has outputs {', '.join(sorted(fields.outputs))}. Received: {unknown[0]}.")
        arrays = {name: _fit(f"{signature}: {name}", value, fields.inputs[name]) for name, value in inputs.items()}
        return self._transport.predict(signature, fields, arrays, outputs, timeout or self._timeout)

    def signatures(self) -> dict[str, SignatureFields]:
        """Return what can be asked: signature name to inputs and outputs."""
        if self._signatures is None:
            found = self._transport.signatures(self._timeout)
            self._signatures = {name: fields for name, fields in found.items() if fields.inputs}
        return self._signatures

    def reading(self) -> FileReading:
        """Return how pictures, texts and labels are read for the model; as usual where its servable does not say."""
        if self._reading is None:
            told = "reading" in self.signatures() and self.predict("reading", {"number": [0]})["reading"][0]
            self._reading = FileReading.told(told.decode("utf-8")) if told else USUAL
        return self._reading

    def states(self) -> dict[int, str]:
        """Return every known version's state, e.g. `{2: "AVAILABLE", 1: "END"}`."""
        return self._transport.states(self._timeout)

    def wait_until_ready(self, timeout: float = 60.0) -> int:
        """Wait until a version answers, and return it.

        Raises:
            ServingError: none did in time.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                ready = [version for version, state in self.states().items() if state == "AVAILABLE"]
                if ready:
                    return max(ready)
                failure = ServingError(Code.UNAVAILABLE, f"No version was available within {timeout:g} s")
            except ServingError as error:
                failure = error
            if time.monotonic() >= deadline:
                raise failure
            time.sleep(_POLL_SECONDS)

    def wait_for_server(self, timeout: float, on_wait: Callable[[], None] | None = None) -> None:
        """Wait until somebody answers, and no version of the model is being loaded: for who asks right after starting a server.

        Args:
            timeout: seconds.
            on_wait: called once, if there is something to wait for.

        Raises:
            ServingError: nobody answered in time; or what the server answered.
        """
        deadline = time.monotonic() + timeout
        failure: ServingError | None = None
        while (left := deadline - time.monotonic()) > 0:
            try:
                states = set(self._transport.states(left).values())
                if "AVAILABLE" in states or not states & {"START", "LOADING"}:
                    return
            except ServingError as error:
                if error.code is not Code.UNAVAILABLE and not (failure and error.code is Code.DEADLINE_EXCEEDED):
                    raise
                failure = failure or error
            if on_wait:
                on_wait()
            on_wait = None
            time.sleep(_POLL_SECONDS)
        if failure:
            raise failure

    def fields(self, signature: str) -> SignatureFields:
        """Return the inputs and outputs of a signature.

        Raises:
            UserValueError: the model has none of that name.
        """
        found = self.signatures()
        if signature not in found:
            raise UserValueError(f"The model has no signature {signature!r}; it has {', '.join(sorted(found))}.")
        return found[signature]

    def of_texts(self, signature: str, texts: np.ndarray, *outputs: str) -> dict[str, np.ndarray]:
        """Run `reconstruct`, `encode` or `score` for texts, bytes in UTF-8 [B].

        Raises:
            UserValueError: the model takes no texts.
        """
        if not self._takes_texts(signature):
            raise UserValueError(
                f"{signature} of this model takes no texts; it has {', '.join(sorted(self.signatures()))}. "
                "A model of subwords takes token numbers."
            )
        return self.predict(f"{signature}_text", {"text": texts}, outputs)

    def _takes_texts(self, signature: str) -> bool:
        return f"{signature}_text" in self.signatures()

    def of_images(self, signature: str, x: Images, *outputs: str) -> dict[str, np.ndarray]:
        """Run `reconstruct`, `encode` or `score` in its form for what x is: files, bytes, texts or numbers.

        Raises:
            UserValueError: x is no list, or a value does not fit.
            UserFileError: a file cannot be read.
        """
        if isinstance(x, (str, bytes, Path)):
            raise UserValueError("Give a list of images or texts, even of one.")
        if _are(x, str, bytes) and self._takes_texts(signature):
            texts = [item if isinstance(item, bytes) else self.reading().string(item) for item in x]
            return self.of_texts(signature, object_array(texts), *outputs)
        if _are(x, str, bytes, Path):
            files = [(item if isinstance(item, bytes) else read_file(item), item) for item in x]
            pictures = [file if file is item else self.reading().picture(file, str(item)) for file, item in files]
            return self.predict(f"{signature}_encoded", {"image": object_array(pictures)}, outputs)
        x = np.asarray(x)
        form = "_uint8" if x.dtype == np.uint8 and f"{signature}_uint8" in self.signatures() else ""
        return self.predict(signature + form, {"x": x}, outputs)


def _are(x: Images, *types: type) -> bool:
    """Return whether x is a list of such values."""
    items = x if not isinstance(x, np.ndarray) else x.tolist() if x.dtype.kind in "OSU" else []
    return bool(len(items)) and all(isinstance(item, types) for item in items)


def _with_labels(inputs: Mapping[str, Any], fields: SignatureFields) -> Mapping[str, Any]:
    """Return the inputs, and where a model is told labels and none are given, that they are not known."""
    missing = [name for name in fields.inputs if name in _LABELS and name not in inputs]
    if not missing:
        return inputs
    count = len(np.atleast_1d(next(iter(inputs.values()), ())))
    return {**inputs, **{name: np.full(count, -1) for name in missing}}


def _fit(what: str, value: Any, field: Any) -> np.ndarray:
    """Convert a value to the declared type, and check its shape."""
    try:
        array = np.asarray(value, field.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserValueError(f"{what} must be {np.dtype(field.dtype).name}. Received: {error}.") from error
    if not has_shape(array.shape, field.shape):
        text = ", ".join("N" if length is None else str(length) for length in field.shape)
        raise UserValueError(f"{what} must have shape ({text}). Received: {array.shape}.")
    return array
