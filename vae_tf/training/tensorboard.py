"""What TensorBoard shows of a run: scalars every epoch; pictures, histograms and the NLL a few times."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from vae_tf.data.spec import DatasetSpec
from vae_tf.evaluation.bounds import BoundEstimator
from vae_tf.evaluation.pictures import grid_pixels, reconstruction_grid, sample_grid, traversal_grid
from vae_tf.models.vae import VAE
from vae_tf.seeding import derive_pair

__all__ = ["TensorBoardLog", "describe_model"]

_NLL_EXAMPLES = 200
_NLL_SAMPLES = 50


class TensorBoardLog(keras.callbacks.Callback):
    """Writes event files below `train` and `validation`.

    Args:
        folder: TensorBoard's log folder.
        spec: the data.
        examples: validation examples [N, *event_shape] for pictures, histograms and the NLL, and their labels [N].
        every: epochs between those.
        seed: the run's root seed.
    """

    def __init__(self, folder: Path, spec: DatasetSpec, examples: tuple[np.ndarray, np.ndarray], every: int, seed: int) -> None:
        super().__init__()
        self.folder = folder
        self.spec = spec
        self.examples, self.labels = examples
        self.every = every
        self.seed = seed
        self._writers: tuple[Any, ...] = ()

    def on_train_begin(self, logs: Any = None) -> None:
        """Open the event files."""
        self.estimator = BoundEstimator(self.model)
        self.train = tf.summary.create_file_writer(str(self.folder / "train"))
        self.validation = tf.summary.create_file_writer(str(self.folder / "validation"))
        self._writers = (self.train, self.validation)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the epoch's scalars, and every few epochs what is seen and not only counted."""
        step = int(self.model.optimizer.iterations.numpy())
        for key, value in (logs or {}).items():
            writer = self.validation if key.startswith("val_") else self.train
            with writer.as_default(step):
                tf.summary.scalar(_tag(key.removeprefix("val_")), float(value))
        if epoch == 0 or (epoch + 1) % self.every == 0:
            with self.validation.as_default(step):
                self._write_pictures(self.model)
        self.train.flush()
        self.validation.flush()

    def _write_pictures(self, vae: VAE) -> None:
        examples = self.examples[:_NLL_EXAMPLES]
        if vae.latent.has_density:
            seed = derive_pair(self.seed, "validation nll")
            nll = self.estimator.means([(tf.constant(examples), self.labels[: len(examples)])], _NLL_SAMPLES, seed).nll
            tf.summary.scalar(f"bounds/nll ({_NLL_SAMPLES} samples, first {len(examples)} examples)", nll)
        for block, q in vae.latent.split_posterior(vae.encode(tf.constant(self.examples), self.labels)):
            tf.summary.histogram(f"latent means/{block.name}", block.mean(q))
        grids = {
            "reconstructions": reconstruction_grid(vae, examples[:32], labels=self.labels),
            "samples": sample_grid(vae, 64, derive_pair(self.seed, "pictures")),
            "traversal": traversal_grid(vae, examples, labels=self.labels[: len(examples)])[0],
        }
        for name, grid in grids.items():
            tf.summary.image(name, grid_pixels(self.spec, grid)[np.newaxis])

    def close(self) -> None:
        """Close the event files, also of a training that broke off."""
        for writer in self._writers:
            writer.close()


def _tag(key: str) -> str:
    """Group scalars as TensorBoard shows them."""
    if key.startswith(("kl_weight", "temperature", "learning_rate")):
        return f"schedules/{key}"
    return f"speed/{key}" if key == "examples_per_second" else f"bounds/{key}"


def describe_model(vae: VAE) -> str:
    """Return Keras' summary as text, no wider than the terminal."""
    lines: list[str] = []
    for part in (vae.encoder, vae.decoder):
        part.summary(print_fn=lambda line, **_: lines.append(line))
    total = sum(int(np.prod(weight.shape)) for weight in vae.trainable_weights)
    return "\n".join([*lines, f"Trainable parameters in all: {total:,}"])
