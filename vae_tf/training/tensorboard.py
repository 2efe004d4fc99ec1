"""What TensorBoard shows of a run: scalars every epoch; pictures, histograms and the NLL a few times."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.image.metadata import create_summary_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from vae_tf.data.spec import DatasetSpec
from vae_tf.evaluation.pictures import encode_png, grid_pixels
from vae_tf.evaluation.viewer import Viewer
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive_pair
from vae_tf.stopwatch import Stopwatch

__all__ = ["Pace", "TensorBoardLog", "describe_model"]

_NLL_EXAMPLES = 200
_NLL_SAMPLES = 50
_SHARE = 0.04
"""Of the time of the training steps so far: what pictures may have taken before more are made."""


@dataclass(frozen=True)
class Pace:
    """How often pictures are made: every so many epochs, or as often as training pays for.

    Attributes:
        stopwatch: has the seconds of `pictures` and of `train`.
        every: rounds between pictures; None: as often as they take no more than a share of the time of the training steps.
    """

    stopwatch: Stopwatch
    every: int | None = None

    def is_due(self, epoch: int, is_first: bool) -> bool:
        """Return whether pictures are made after an epoch, counted from 0."""
        if self.every is not None:
            return epoch == 0 or (epoch + 1) % self.every == 0
        return is_first or self.stopwatch.seconds("pictures") <= _SHARE * self.stopwatch.seconds("train")


class TensorBoardLog(keras.callbacks.Callback):
    """Writes event files below `train` and `validation`.

    Args:
        folder: TensorBoard's log folder.
        spec: the data.
        examples: validation examples [N, *event_shape] for pictures, histograms and the NLL, and their labels [N].
        pace: how often those are made; by the time also at the end.
        seed: the run's root seed.
        viewer: of the model.
    """

    def __init__(
        self, folder: Path, spec: DatasetSpec, examples: tuple[np.ndarray, np.ndarray], pace: Pace, seed: int, viewer: Viewer
    ) -> None:
        super().__init__()
        self.folder = folder
        self.spec = spec
        self.examples, self.labels = examples
        self.pace = pace
        self.seed = seed
        self.viewer = viewer
        self._writers: tuple[Any, ...] = ()
        self._last: int | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the event files."""
        self.train = tf.summary.create_file_writer(str(self.folder / "train"))
        self.validation = tf.summary.create_file_writer(str(self.folder / "validation"))
        self._writers = (self.train, self.validation)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the epoch's scalars, and now and then what is seen and not only counted."""
        step = self._step()
        for writer, is_ours in ((self.train, False), (self.validation, True)):
            values = {key: value for key, value in (logs or {}).items() if key.startswith("val_") == is_ours}
            with writer.as_default(step):
                tf.summary.experimental.write_raw_pb(_scalars(values))
        if self.pace.is_due(epoch, self._last is None):
            self._show(step)
        for writer in self._writers:
            writer.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Show the end, where pictures go by the time."""
        step = self._step()
        if self.pace.every is None and self._last not in (None, step):
            self._show(step)

    def _step(self) -> int:
        return int(self.model.optimizer.iterations.numpy())

    def _show(self, step: int) -> None:
        self._last = step
        with self.validation.as_default(step):
            self._write_pictures()

    def _write_pictures(self) -> None:
        examples, labels = self.examples[:_NLL_EXAMPLES], self.labels[:_NLL_EXAMPLES]
        if self.viewer.vae.latent.has_density:
            seed = derive_pair(self.seed, "validation nll")
            nll = self.viewer.bounds.means([(tf.constant(examples), labels)], _NLL_SAMPLES, seed).nll
            tf.summary.scalar(f"bounds/nll ({_NLL_SAMPLES} samples, first {len(examples)} examples)", nll)
        view = self.viewer.look(self.examples, self.labels, derive_pair(self.seed, "pictures"))
        for name, means in view.means.items():
            tf.summary.histogram(f"latent means/{name}", means)
        for name, codes in view.codes.items():
            tf.summary.histogram(f"codes/{name}", codes)
        for name, grid in view.grids.items():
            _write_image(name, grid_pixels(self.spec, grid))

    def close(self) -> None:
        """Close the event files, also of a training that broke off."""
        for writer in self._writers:
            writer.close()


def _write_image(name: str, pixels: np.ndarray) -> None:
    """Write what `tf.summary.image` writes of one picture, [height, width, channels], but for the slow encoder."""
    height, width = pixels.shape[:2]
    content = tf.constant([str(width), str(height), encode_png(pixels)])
    tf.summary.write(name, content, metadata=create_summary_metadata(None, None))


def _scalars(values: dict[str, Any]) -> bytes:
    """Return scalars as TensorBoard's record of all of them: one operation instead of one each."""
    records = [scalar_pb(_tag(key.removeprefix("val_")), float(value)) for key, value in values.items()]
    return Summary(value=[value for record in records for value in record.value]).SerializeToString()


def _tag(key: str) -> str:
    """Group scalars as TensorBoard shows them."""
    if key.startswith(("kl_weight", "temperature", "learning_rate")):
        return f"schedules/{key}"
    if key.startswith(("perplexity_", "commitment_")):
        return f"codes/{key}"
    return f"speed/{key}" if key == "examples_per_second" else f"bounds/{key}"


def describe_model(vae: VAE) -> str:
    """Return Keras' summary as text, no wider than the terminal."""
    lines: list[str] = []
    for part in (vae.encoder, vae.decoder):
        part.summary(print_fn=lambda line, **_: lines.append(line))
    total = sum(int(np.prod(weight.shape)) for weight in vae.trainable_weights)
    return "\n".join([*lines, f"Trainable parameters in all: {total:,}"])
