"""What tests share: equal randomness, small models, data and runs, one statistical yardstick, the source as syntax trees."""

import ast
import asyncio
import gc
import hashlib
import io
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis  # before a served model's gc.freeze hides who holds the generators that it looks for
import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # tests run side by side: more threads than cores wait for each other

gc.set_threshold(20_000, 20, 20)  # a worker holds millions of objects: looking through them took a twentieth of the time
_COLLECT = gc.collect
gc.collect = lambda generation=2: _COLLECT(min(generation, 1))  # and another tenth where servers and searches begin

hypothesis.settings.register_profile("any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("any machine")

PACKAGE = Path(__file__).parents[1] / "vae_tf"
GAUSSIAN = {"kind": "gaussian", "size": 2, "kl_weight": {"kind": "linear", "start": 0.0, "stop": 1.0, "steps": 10}}
CATEGORICAL = {"kind": "categorical", "num_variables": 2, "num_classes": 3}
SHORT = {"epochs": 2, "batch_size": 16, "pictures_every": 1000, "jit_compile": False}
BLOCKS = {"gaussian": [GAUSSIAN], "categorical": [CATEGORICAL], "joint": [GAUSSIAN, CATEGORICAL]}


class Frame:
    """As much of a DataFrame as any library's has."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.data, self.columns = columns, list(columns)

    def __getitem__(self, name: str) -> Any:
        return self.data[name]

    def to_numpy(self) -> np.ndarray:
        return np.stack([np.asarray(values, object) for values in self.data.values()], axis=1)


@pytest.fixture(scope="session")
def make_frame() -> Callable[[dict[str, Any]], Frame]:
    """Give what makes a DataFrame of columns."""
    return Frame


@pytest.fixture
def all_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for it where what is gone must leave the memory at once."""
    monkeypatch.setattr(gc, "collect", _COLLECT)


@pytest.fixture(autouse=True)
def same_randomness() -> Iterator[None]:
    """Keras' initializers seed themselves from Python's generator: no test depends on the one before it."""
    before = random.getstate()
    random.seed(0)
    yield
    random.setstate(before)


_CLASSIFIERS: dict[str, Any] = {}


@pytest.fixture
def own_classifier() -> None:
    """Ask for it where the classifier of `make_feature_space` is to be trained anew."""


@pytest.fixture(autouse=True)
def one_classifier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train the classifier behind the Fréchet distance in few steps, and once for the same examples and seed."""
    features: Any = sys.modules.get("vae_tf.evaluation.features")
    if features is None or "own_classifier" in request.fixturenames:
        return
    train_anew = features._classifier

    def trained(train: Any, test: Any, seed: int) -> Any:
        arrays = (*train, *test)
        told = "".join(f"{array.shape} {array.dtype} {hashlib.sha256(array.tobytes()).hexdigest()}" for array in arrays)
        key = f"{seed} {told}"
        if key not in _CLASSIFIERS:
            _CLASSIFIERS[key] = train_anew(train, test, seed)
        return _CLASSIFIERS[key]

    monkeypatch.setattr(features, "_classifier", trained)
    monkeypatch.setattr(features, "_STEPS", 100)


_READ: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read an embedded dataset once for the same files and settings: TFDS takes half a second for the digits."""
    embedded: Any = sys.modules.get("vae_tf.data.embedded")
    if embedded is None:
        return
    read_anew = embedded.load_tfds

    def read(config: Any) -> Any:
        files = sorted(file for file in Path(config.data_dir).rglob("*") if file.is_file())
        key = f"{config.model_dump_json()} {[(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files]}"
        if key not in _READ:
            _READ[key] = read_anew(config)
        return _READ[key]

    monkeypatch.setattr(embedded, "load_tfds", read)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """A test that executes a file of parts forgets it (`restored_parts`): a later run would take it for its own."""
    before = _executed()
    yield
    left = _executed() - before
    assert not left, f"files of parts are left: {sorted(left)}. Use restored_parts."


def _executed() -> set[str]:
    files = sys.modules.get("vae_tf.parts.files")
    return {str(file.path) for file in files.loaded_files()} if files else set()


@contextmanager
def _forgetting() -> Iterator[None]:
    from keras.src.saving import object_registration

    from vae_tf import program
    from vae_tf.parts import files, known

    known.all_parts()
    tables: list[Any] = [*known._REGISTERED.values(), files._LOADED]
    tables += [object_registration.GLOBAL_CUSTOM_OBJECTS, object_registration.GLOBAL_CUSTOM_NAMES, sys.modules]
    before, own = [dict(table) for table in tables], list(program._OWN_PARTS)
    try:
        yield
    finally:
        for table, kept in zip(tables, before, strict=True):
            for new in set(table) - set(kept):
                del table[new]
        program._OWN_PARTS[:] = own


@pytest.fixture
def forgetting() -> Callable[[], Any]:
    """Forget at its end the parts that a block registered: in the registry, among the executed files, in Keras."""
    return _forgetting


@pytest.fixture
def restored_parts() -> Iterator[None]:
    """Forget at the end of a test the parts that it registered."""
    with _forgetting():
        yield


def _assert_mean(samples: Any, expected: Any, num_stderr: float = 4.0) -> None:
    samples = np.asarray(samples, np.float64)
    stderr = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    difference = np.abs(samples.mean(axis=0) - np.asarray(expected, np.float64))
    rounding = 1e-5 * (1.0 + np.abs(np.asarray(expected, np.float64)))
    worst = np.max(difference / (num_stderr * stderr + rounding))
    assert worst <= 1.0, f"off by {np.max(difference / np.maximum(stderr, 1e-12)):.2f} standard errors"


@pytest.fixture(scope="session")
def assert_mean() -> Callable[..., None]:
    """Assert that the mean over the first axis is as expected, within 4 standard errors and float32 rounding."""
    return _assert_mean


@pytest.fixture(scope="session")
def make_spec() -> Callable[..., Any]:
    """Make a DatasetSpec of an event shape."""
    from vae_tf.data.spec import DatasetSpec

    def make(event_shape: tuple[int, ...] = (4, 4, 1), value_support: str = "unit", **settings: Any) -> Any:
        return DatasetSpec(name="toy", event_shape=event_shape, value_support=value_support, **settings)

    return make


@pytest.fixture(scope="session")
def make_vae(make_spec: Callable[..., Any]) -> Callable[..., Any]:
    """Build a small VAE from block configurations; what is not said is 4x4x1, one hidden layer of 8, Bernoulli."""
    from vae_tf.config import ModelConfig
    from vae_tf.models.build import build_vae

    def make(*latents: dict[str, Any], event_shape: tuple[int, ...] = (4, 4, 1), **settings: Any) -> Any:
        blocks = list(latents) or [{"kind": "gaussian", "size": 2}]
        build = {key: settings.pop(key) for key in ("seed", "precision", "objective") if key in settings}
        model = {"network": {"kind": "mlp", "widths": [8]}, "likelihood": {"kind": "bernoulli"}, "latents": blocks}
        return build_vae(ModelConfig.model_validate({**model, **settings}), make_spec(event_shape), **build)

    return make


@pytest.fixture(scope="session")
def make_dataset(make_spec: Callable[..., Any]) -> Callable[..., Any]:
    """Make an in-memory Dataset of 64 + 16 + 16 bytes-valued pictures with two kinds of brightness."""
    from vae_tf.data.pipeline import Dataset
    from vae_tf.data.splits import ArraySplit

    def make(event_shape: tuple[int, ...] = (4, 4, 1), **settings: Any) -> Any:
        counts = {"num_train": 64, "num_validation": 16, "num_test": 16}
        given = {"scale": (255.0,), "binarization": "dynamic", "label_names": ("dark", "light"), **counts, **settings}
        spec = make_spec(event_shape, **given)
        rng = np.random.default_rng(0)
        labels = np.arange(96) % 2
        brightness = np.where(labels, 200, 50).reshape(96, *[1] * len(event_shape))
        x = (brightness + rng.integers(-40, 40, (96, *event_shape))).astype(np.uint8)
        cuts = {"train": slice(0, 64), "validation": slice(64, 80), "test": slice(80, 96)}
        return Dataset(spec, {name: ArraySplit(x[cut], labels[cut]) for name, cut in cuts.items()})

    return make


@pytest.fixture(scope="session")
def make_config() -> Callable[..., Any]:
    """Make a RunConfig: 4 steps an epoch; keywords are settings of `training`."""
    from vae_tf.config import PUBLISHED, RunConfig

    def make(latents: str | list[dict[str, Any]] = "gaussian", seed: int = 1, **training: Any) -> Any:
        blocks = BLOCKS[latents] if isinstance(latents, str) else latents
        return RunConfig.model_validate(
            {
                "seed": seed,
                "data": {"binarization": "dynamic"},
                "model": {"network": {"kind": "mlp", "widths": [8]}, "latents": blocks},
                "training": {**PUBLISHED["training"], **SHORT, **training},
                "evaluation": {"num_samples": 5, "batch_size": 16, "num_projected": 10},
            }
        )

    return make


@pytest.fixture(scope="session")
def start(make_dataset: Callable[..., Any]) -> Callable[..., Any]:
    """Train a configuration in a folder; return the run and the outcome. Eager code and no pictures save seconds of tracing."""
    from rich.console import Console

    from vae_tf.artifacts import RunDirectory
    from vae_tf.models import VAE
    from vae_tf.training import TensorBoardLog, train

    compile_in_graph = VAE.compile

    def compile_eagerly(self: Any, **settings: Any) -> None:
        compile_in_graph(self, **settings, run_eagerly=True)

    def run(config: Any, folder: Any, resume: bool = False, dataset: Any = None, eager: bool = False) -> tuple[Any, Any]:
        directory = RunDirectory(folder)
        directory.write_config(config, resume)
        console = Console(file=io.StringIO())
        with pytest.MonkeyPatch.context() as patch:
            if eager:
                patch.setattr(VAE, "compile", compile_eagerly)
                patch.setattr(TensorBoardLog, "_write_pictures", lambda *_: None)
            return directory, train(config, dataset or make_dataset(), directory, console, resume)

    return run


@pytest.fixture(scope="session")
def finished(make_config: Any, start: Any, make_dataset: Any, tmp_path_factory: Any) -> tuple[Any, Any, Any, Any]:
    """A joint model, trained for three epochs and measured: run, outcome, results, configuration."""
    from vae_tf.training import finish_run

    config = make_config("joint", epochs=3, pictures_every=2)
    run, outcome = start(config, tmp_path_factory.mktemp("runs") / "a")
    return run, outcome, finish_run(outcome, config, make_dataset(), run), config


@pytest.fixture(scope="session")
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name, as a syntax tree."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = ("vae_tf", *path.relative_to(PACKAGE).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text("utf-8"), filename=str(path))
    return found


@contextmanager
def _running(models: Any, config_file: Any = None, around: Any = None, **options: Any) -> Iterator[Any]:
    """Run an embedded server in a thread of its own, on free ports; models run when they are asked, not to warm up."""
    from vae_tf.serving.manager import ManagerOptions
    from vae_tf.serving.server import EmbeddedServer, ServerOptions

    ready, loops, failures = threading.Event(), [], []
    settings = {"rest_port": 0, "grpc_port": 0, "access_log": False, "manager": ManagerOptions(warm_up=False), **options}
    server = EmbeddedServer(models, ServerOptions(**settings), config_file, around)

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        await server.run(ready.set)

    def work() -> None:
        try:
            asyncio.run(main())
        except Exception as error:
            failures.append(error)
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(300)
    if failures:
        thread.join()
        raise failures[0]
    try:
        yield server
    finally:
        loops[0].call_soon_threadsafe(server.stop)
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def start_server() -> Callable[..., Any]:
    """Give the context manager that runs a server."""
    return _running
