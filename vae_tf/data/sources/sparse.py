"""A sparse matrix of counts."""

from vae_tf.config import DataConfig
from vae_tf.data.pipeline import Dataset
from vae_tf.data.source import Source
from vae_tf.data.sparse import load_sparse
from vae_tf.data.spec import DatasetSpec
from vae_tf.parts.registry import register

__all__ = ["SparseSource"]


@register("sparse")
class SparseSource(Source):
    """A sparse matrix of counts, that never becomes dense: SciPy's .npz, Matrix Market's .mtx, .h5ad."""

    heeds = ("counts", "label_column", "fold")

    def load(self, config: DataConfig) -> Dataset:
        """Return the dataset; see `vae_tf.data.sparse.load_sparse`."""
        return load_sparse(config)

    def load_known(self, config: DataConfig, known: DatasetSpec) -> Dataset:
        """Return the dataset with its columns in the other's order; see `vae_tf.data.sparse.load_sparse`."""
        return load_sparse(config, known)
