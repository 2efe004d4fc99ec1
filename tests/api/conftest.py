"""Small data, and runs that Python trained on them."""

from types import SimpleNamespace

import numpy as np
import pytest

import vae_tf
from vae_tf.cli import main

LINES = [f"the {animal} met the {other}" for animal in ("cat", "dog", "owl") for other in ("fox", "hen", "elk")] * 10


class Frame:
    """The least that makes a DataFrame: what the package asks of one."""

    def __init__(self, columns, index=None):
        self._columns = {name: np.asarray(values) for name, values in dict(columns).items()}
        self.index = np.arange(len(next(iter(self._columns.values())))) if index is None else np.asarray(index)

    @property
    def columns(self):
        return list(self._columns)

    def __getitem__(self, name):
        return self._columns[name]

    def to_numpy(self):
        return np.stack(list(self._columns.values()), axis=1)


def _pandas(columns, index=None):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(dict(columns), index=index)


@pytest.fixture(params=["stand-in", "pandas"])
def make_frame(request):
    """Make a DataFrame: of the stand-in, and of pandas where it is installed."""
    return Frame if request.param == "stand-in" else _pandas


@pytest.fixture(scope="session")
def small():
    """Settings of a small training."""
    return {
        "training.epochs": 2,
        "training.batch_size": 32,
        "training.learning_rate": 0.001,
        "training.pictures_every": 1000,
        "evaluation.num_samples": 5,
        "model.network": {"kind": "mlp", "widths": [8], "linear": "frozen"},
    }


@pytest.fixture(scope="session")
def pictures():
    """120 pictures in bytes, of two kinds, and their labels."""
    labels = np.arange(120) % 2
    noise = np.random.default_rng(0).integers(-40, 40, (120, 4, 4, 1))
    return (np.where(labels, 200, 50)[:, None, None, None] + noise).astype(np.uint8), labels


@pytest.fixture(scope="session")
def table():
    """Two columns of numbers in units of their own, and one of classes."""
    rng = np.random.default_rng(0)
    kind = np.where(np.arange(150) % 3, "red", "blue")
    width = rng.normal(5.0, 2.0, 150)
    return {"width": width, "height": 1000 + 10 * width + rng.normal(size=150), "kind": kind}


@pytest.fixture(scope="session")
def train_small(tmp_path_factory, small):
    """Train quietly, with small settings, in a folder of its own."""

    def train(data, overrides=None, **settings):
        settings.setdefault("run_dir", tmp_path_factory.mktemp("api") / "run")
        settings.setdefault("latent", "gaussian:2")
        return vae_tf.train(data, overrides={**small, **(overrides or {})}, quiet=True, **settings)

    return train


@pytest.fixture(scope="session")
def picture_run(pictures, train_small):
    """A run of pictures in memory."""
    return train_small(pictures, name="pictures")


@pytest.fixture(scope="session")
def table_run(table, train_small):
    """A run of a table in memory."""
    return train_small(Frame(table), label_column="kind")


@pytest.fixture(scope="session")
def text_run(train_small):
    """A run of texts in memory."""
    small = {"hidden_size": 8, "embedding_size": 4}
    network, likelihood = {"kind": "recurrent", **small}, {"kind": "recurrent_text", **small}
    settings = {"model.network": network, "model.likelihood": likelihood, "data.max_length": 24}
    return train_small(LINES, settings)


@pytest.fixture(scope="session")
def told_run(pictures, train_small):
    """A run whose model is told labels."""
    x, labels = pictures
    names = np.array(["dark", "light"])[labels]
    return train_small((x, names), {"model.latents": [{"kind": "conditional_gaussian", "size": 2}]}, latent=None)


@pytest.fixture
def eagerly(monkeypatch):
    """Take steps without tracing them, which is most of a training of two; and draw no pictures."""
    from vae_tf.training import TensorBoardLog

    in_graph = vae_tf.VAE.compile
    monkeypatch.setattr(vae_tf.VAE, "compile", lambda self, **settings: in_graph(self, **settings, run_eagerly=True))
    monkeypatch.setattr(TensorBoardLog, "_write_pictures", lambda *_: None)


@pytest.fixture
def run_cli(capsys):
    """Call the command line in this process; give its exit code, stdout and stderr."""

    def call(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return SimpleNamespace(code=int(stopped.value.code or 0), out=captured.out, err=captured.err)

    return call
