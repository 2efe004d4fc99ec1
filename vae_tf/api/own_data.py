"""The data that a run was trained on, when it is asked about them."""

from pathlib import Path
from typing import Any

from vae_tf.config import MEMORY
from vae_tf.data.memory import in_memory
from vae_tf.data.pipeline import Dataset
from vae_tf.errors import UserValueError
from vae_tf.training.runs import LoadedRun, open_data

__all__ = ["OwnData"]


class OwnData:
    """A run's own data: as they were trained on, as they are loaded, or as they are given again.

    Args:
        loaded: the run.
        dataset: its data, where they are at hand.
    """

    def __init__(self, loaded: LoadedRun, dataset: Dataset | None = None) -> None:
        self._loaded = loaded
        self._dataset = dataset

    def get(self, data: Any = None) -> Dataset:
        """Return them.

        Args:
            data: what the run was trained on, where that was given in memory and the run was opened again; or the path where
                its files are now.

        Raises:
            UserValueError: data are given for a run whose data are loaded, or they are missing or others.
            UserFileError: the data are not where they were.
        """
        name = self._loaded.config.data.dataset
        if isinstance(data, (str, Path)) and not name.startswith(f"{MEMORY}:"):
            self._dataset = open_data(self._loaded, str(data))
            return self._dataset
        if data is not None and not name.startswith(f"{MEMORY}:"):
            raise UserValueError(
                f"data= is for runs of data in memory, or a path; {self._loaded.run.path} was trained on {name}, which is "
                "loaded."
            )
        if data is not None or self._dataset is None:
            with in_memory(data):
                self._dataset = open_data(self._loaded)
        return self._dataset
