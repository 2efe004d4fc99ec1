"""Small data on disk and in memory, each made of numbers that tell examples apart."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SHARED_TFDS = Path(__file__).parents[3] / "shared" / "tfds"


@pytest.fixture(scope="session")
def mnist_dir() -> str:
    """The folder with a real prepared MNIST."""
    if not (SHARED_TFDS / "mnist" / "3.0.1").is_dir():
        pytest.skip(f"needs a prepared MNIST in {SHARED_TFDS}")
    return str(SHARED_TFDS)


@pytest.fixture(scope="session")
def digits_dir(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with the prepared digits."""
    from vae_tf.data.digits import prepare_digits

    return prepare_digits(str(tmp_path_factory.mktemp("tfds")))


@pytest.fixture
def write_image() -> Callable[..., Path]:
    """Write an image whose pixels all have one value."""

    def write(path: Path, value: int = 0, size: tuple[int, int] = (4, 6), mode: str = "L") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        color = value if mode in ("L", "1", "I;16", "F") else (value,) * len(mode)
        Image.new(mode, (size[1], size[0]), color).save(path)
        return path

    return write


@pytest.fixture
def write_npz(tmp_path: Path) -> Callable[..., str]:
    """Write arrays, and return the dataset specification."""

    def write(**arrays: Any) -> str:
        path = tmp_path / "data.npz"
        np.savez(path, **arrays)
        return f"npz:{path}"

    return write


@pytest.fixture
def write_csv(tmp_path: Path) -> Callable[[str], str]:
    """Write a text, and return the dataset specification."""

    def write(text: str) -> str:
        path = tmp_path / "data.csv"
        path.write_text(text, encoding="utf-8")
        return f"csv:{path}"

    return write


@pytest.fixture(scope="session")
def read_all() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Read a split in its own order (or a seed's), in small batches."""

    def read(split: Any, batch_size: int = 7, **settings: Any) -> tuple[np.ndarray, np.ndarray]:
        batches = list(split.batches(batch_size, **settings).as_numpy_iterator())
        return np.concatenate([x for x, _ in batches]), np.concatenate([labels for _, labels in batches])

    return read


@pytest.fixture(scope="session")
def as_stream() -> Callable[..., Any]:
    """Make a StreamSplit of an ArraySplit: three files whose encoded examples are row numbers."""
    import tensorflow as tf

    from vae_tf.data.splits import StreamSplit

    def make(split: Any, shuffle_buffer: int = 8) -> Any:
        bounds = np.linspace(0, split.num_examples, 4).astype(np.int64)

        def open_files(seed: Any) -> tf.data.Dataset:
            order = tf.range(3)
            if seed is not None:
                order = tf.random.experimental.stateless_shuffle(order, seed)
            starts, stops = tf.gather(bounds[:-1], order), tf.gather(bounds[1:], order)
            return tf.data.Dataset.from_tensor_slices((starts, stops)).flat_map(tf.data.Dataset.range)

        def decode(rows: Any) -> Any:
            return tf.gather(split.x, rows), tf.gather(split.labels, rows)

        return StreamSplit(split.num_examples, open_files, decode, shuffle_buffer)

    return make
