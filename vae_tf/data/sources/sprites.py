"""2,304 shapes, 32 x 32, of five known factors, made on the spot."""

from dataclasses import replace

from vae_tf.config import DataConfig
from vae_tf.data.embedded import load_embedded, prepare_embedded
from vae_tf.data.pipeline import Dataset
from vae_tf.data.source import Source
from vae_tf.data.sprites import FACTORS, Sprites
from vae_tf.parts.registry import register

__all__ = ["SpritesSource"]


@register("sprites")
class SpritesSource(Source):
    """2,304 shapes, 32 x 32, of five known factors, made on the spot."""

    heeds = ("splits", "resize", "fold")
    is_file = False

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.embedded.load_embedded`."""
        dataset = load_embedded(prepare_embedded(Sprites, config.data_dir), config)
        update = {"factor_names": tuple(FACTORS), "factor_sizes": tuple(FACTORS.values())}
        return replace(dataset, spec=dataset.spec.model_copy(update=update))
