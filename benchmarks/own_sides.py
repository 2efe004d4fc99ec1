"""Our own sides, and those that need nothing but TensorFlow: Keras' tutorial, and the matrix products alone."""

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
from measuring import CONV, HIDDEN, NUM_SCORED, RATE, SIZE, after_first, clock, images, side, since, until

sys.path.insert(0, str(Path(__file__).parents[1]))


def _latents(latents: str) -> list[dict[str, Any]]:
    """Return the blocks of `gaussian:20`, `categorical:30x10` or both joined by a plus, at a temperature of 1."""
    from vae_tf.config_sources import parse_latents

    categorical = {"temperature": 1.0}
    return [
        {**block, "kl_weight": 1.0, **(categorical if block["kind"] == "categorical" else {})}
        for block in parse_latents(latents)
    ]


def _our_model(network: str, latents: str, precision: str = "float32") -> tuple[Any, Any]:
    """Return our model and the spec of its data."""
    from vae_tf.config import ModelConfig
    from vae_tf.data.spec import DatasetSpec
    from vae_tf.models import build_vae

    mlp, conv = {"kind": "mlp", "widths": [HIDDEN]}, {"kind": "conv", "widths": list(CONV), "hidden_size": 256}
    parts = {"network": mlp if network == "mlp" else conv, "likelihood": {"kind": "bernoulli"}, "latents": _latents(latents)}
    spec = DatasetSpec(name="mnist", event_shape=(28, 28, 1), value_support="unit", scale=(255.0,))
    return build_vae(ModelConfig.model_validate(parts), spec, precision=precision), spec


def _dataset(x: np.ndarray, spec: Any) -> Any:
    from vae_tf.data.pipeline import Dataset
    from vae_tf.data.splits import ArraySplit

    return Dataset(spec, {"train": ArraySplit(x, np.zeros(len(x), np.int64))})


def _compiled(vae: Any, dataset: Any, batch_size: int, jit_compile: bool = True) -> tuple[int, int | None]:
    """Compile a model as `train` does; return the steps of an epoch, and how many batches come at once."""
    from vae_tf.data.training_batches import Preparation
    from vae_tf.optimizers import FusedAdam
    from vae_tf.training import choose_steps_per_execution
    from vae_tf.training.compiling import compile_steps, stack_size

    steps = dataset.split("train").num_examples // batch_size
    per_execution = choose_steps_per_execution(steps)
    optimizer = FusedAdam(RATE)
    vae.compile(optimizer=optimizer, steps_per_execution=per_execution, jit_compile=False)
    optimizer.build(vae.trainable_variables)
    stacked = stack_size(per_execution, 4 * batch_size * 784) if jit_compile else None
    if stacked:
        compile_steps(vae, per_execution, stacked, Preparation(dataset.spec, batch_size, 0).in_loop)
    return steps // per_execution * per_execution, stacked


def _batches(dataset: Any, batch_size: int, steps: int, stacked: int | None, first_epoch: int = 0) -> Any:
    from vae_tf.data.training_batches import train_batches

    return train_batches(dataset, batch_size, 0, first_epoch, steps, stacked=stacked)


@side
def train_ours(  # noqa: PLR0913 - the settings of a case
    data: str,
    network: str,
    latents: str,
    batch_size: int,
    epochs: int,
    precision: str = "float32",
    jit_compile: bool | None = None,
    threads: int = 0,
) -> dict[str, Any]:
    """Train as `run.py train` does, without its records; compiled where it would be."""
    import keras
    import tensorflow as tf

    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    x = images(data)
    vae, spec = _our_model(network, latents, precision)
    dataset = _dataset(x, spec)
    (steps, stacked), times = _compiled(vae, dataset, batch_size, network == "mlp" if jit_compile is None else jit_compile), []
    stopwatch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: times.append(clock()))
    batches = _batches(dataset, batch_size, steps, stacked)
    vae.fit(batches, steps_per_epoch=steps, epochs=epochs, verbose=0, shuffle=False, callbacks=[stopwatch])
    scored = tf.constant(x[:NUM_SCORED] / np.float32(255.0))
    loss = vae.evaluate(scored, batch_size=500, verbose=0, return_dict=True)["negative_elbo"]
    return {**after_first(times), "steps": steps, "loss": float(loss)}


@side
def bound_ours(data: str, batch_size: int, target: float) -> dict[str, Any]:
    """Train as `run.py train` does until the test negative ELBO is at a target."""
    import tensorflow as tf

    x, test = images(data), tf.constant(images(data, "x_test") / np.float32(255.0))
    vae, spec = _our_model("mlp", f"gaussian:{SIZE}")
    dataset = _dataset(x, spec)
    (steps, stacked), epochs = _compiled(vae, dataset, batch_size), itertools.count()

    def train() -> None:
        vae.fit(_batches(dataset, batch_size, steps, stacked, next(epochs)), steps_per_epoch=steps, verbose=0, shuffle=False)

    def score() -> float:
        return float(vae.evaluate(test, batch_size=500, verbose=0, return_dict=True)["negative_elbo"])

    return until(target, train, score)


@side
def pipeline(dataset: str, data_dir: str | None, streamed: bool, batch_size: int, copies: int = 1) -> dict[str, Any]:
    """Make the training batches of one pass over a dataset, or over so many copies of it, and use none of them.

    At most 2,000 batches: shuffling holds what it holds by then.
    """
    from vae_tf.config import DataConfig
    from vae_tf.data import load_dataset
    from vae_tf.data.pipeline import Dataset
    from vae_tf.data.training_batches import train_batches

    loaded = load_dataset(DataConfig(dataset=dataset, data_dir=data_dir, memory_limit_mb=1 if streamed else 4096))
    split = loaded.split("train")
    for _ in range(copies - 1):
        split = split.followed_by(loaded.split("train"))
    steps = split.num_examples // batch_size
    batches = iter(train_batches(Dataset(loaded.spec, {"train": split}), batch_size, 0, 0, steps))
    next(batches)
    before, used = clock(), min(steps - 1, 2000)
    for _ in range(used):
        next(batches)
    return {**since(before), "samples": used * batch_size}


@side
def export_model(dataset: str, data_dir: str | None) -> dict[str, Any]:
    """Write a servable of a small trained model with all its signatures."""
    return _export_and_load(dataset, data_dir)[0]


@side
def load_servable(dataset: str, data_dir: str | None) -> dict[str, Any]:
    """Load the servable and answer one request a signature."""
    return _export_and_load(dataset, data_dir)[1]


def _export_and_load(dataset: str, data_dir: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    import tempfile

    import tensorflow as tf
    from rich.console import Console

    from vae_tf.artifacts import RunDirectory
    from vae_tf.config import RunConfig
    from vae_tf.data import load_dataset
    from vae_tf.export import export_run, make_signatures, random_request
    from vae_tf.training import finish_run, load_run, plan_run, train

    parts = {"data": {"dataset": dataset, "data_dir": data_dir, "limit": 256}, "training": {"epochs": 1}}
    config = RunConfig.model_validate({**parts, "evaluation": {"num_samples": 2}})
    data = load_dataset(config.data)
    config, _ = plan_run(config, data.spec)
    with tempfile.TemporaryDirectory() as folder:
        run = RunDirectory(Path(folder) / "run")
        run.write_config(config, False)
        finish_run(train(config, data, run, Console(quiet=True)), config, data, run)
        loaded = load_run(run.path)
        requests = {one.name: random_request(one) for one in make_signatures(loaded.vae, loaded.spec)}
        before = clock()
        exported, export_time = export_run(loaded, f"{folder}/models", "model"), since(before)
        before = clock()
        served = tf.saved_model.load(str(exported.path))
        for name, request in requests.items():
            served.signatures[name](**{key: tf.constant(value) for key, value in request.items()})
    return {**export_time, "samples": 1}, {**since(before), "samples": 1}


@side
def train_keras(data: str, network: str, latents: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Train a model as Keras' tutorials do: a subclassed model, shuffled slices, Keras' own Adam."""
    import keras
    import tensorflow as tf

    x = (images(data) / np.float32(255.0)).reshape(-1, 784)

    class Tutorial(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = keras.Sequential([keras.layers.Dense(HIDDEN, "relu"), keras.layers.Dense(2 * SIZE)])
            self.decoder = keras.Sequential([keras.layers.Dense(HIDDEN, "relu"), keras.layers.Dense(784)])

        def call(self, x: Any) -> Any:
            mean, log_var = tf.split(self.encoder(x), 2, axis=-1)
            z = mean + tf.exp(0.5 * log_var) * tf.random.normal(tf.shape(mean))
            self.add_loss(tf.reduce_mean(-0.5 * tf.reduce_sum(1 + log_var - mean**2 - tf.exp(log_var), axis=-1)))
            return self.decoder(z)

    def reconstruction(y: Any, logits: Any) -> Any:
        return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits), axis=-1)

    model, times = Tutorial(), []
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss=reconstruction)
    stopwatch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: times.append(clock()))
    batches = tf.data.Dataset.from_tensor_slices((x, x)).shuffle(len(x)).batch(batch_size, drop_remainder=True).prefetch(2)
    model.fit(batches, epochs=epochs, verbose=0, shuffle=False, callbacks=[stopwatch])
    loss = model.evaluate(x[:NUM_SCORED], x[:NUM_SCORED], batch_size=500, verbose=0)
    return {**after_first(times), "steps": len(x) // batch_size, "loss": float(loss)}


@side
def floor(data: str, network: str, latents: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Do the matrix products of a training of 784-400-20 alone, forwards and backwards."""
    import tensorflow as tf

    widths = [(784, HIDDEN), (HIDDEN, 2 * SIZE), (SIZE, HIDDEN), (HIDDEN, 784)]
    weights = [tf.random.normal(shape) for shape in widths]
    steps = len(images(data)) // batch_size
    x = [tf.random.normal([batch_size, rows]) for rows, _ in widths]
    g = [tf.random.normal([batch_size, columns]) for _, columns in widths]

    @tf.function
    def epoch() -> tf.Tensor:
        total = tf.constant(0.0)
        for _ in tf.range(steps):
            for index, (one, weight, slope) in enumerate(zip(x, weights, g, strict=True)):
                products = [tf.matmul(one + total, weight), tf.matmul(one, slope + total, transpose_a=True)]
                products += [tf.matmul(slope + total, weight, transpose_b=True)] if index else []
                total = 1e-30 * tf.add_n([product[0, 0] for product in products])
        return total

    times = []
    for _ in range(epochs):
        epoch()
        times.append(clock())
    return {**after_first(times), "steps": steps}


@side
def log_prob(formula: str, batch_size: int, repeats: int) -> dict[str, Any]:
    """Reckon log p(x|z) of binary images and its gradient: by our likelihood, or by TensorFlow's cross-entropy."""
    import tensorflow as tf

    from vae_tf.models import BernoulliLikelihood

    likelihood, logits = BernoulliLikelihood((784,)), 3.0 * tf.random.normal([batch_size, 784])
    x = tf.cast(tf.random.uniform([batch_size, 784]) < 0.5, tf.float32)

    def forwards(logits: tf.Tensor) -> tf.Tensor:
        if formula == "ours":
            return likelihood.log_prob(logits, x)
        return -tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits), axis=-1)

    @tf.function
    def run() -> tf.Tensor:
        total = tf.constant(0.0)
        for _ in tf.range(repeats):
            now = logits + 1e-9 * total
            with tf.GradientTape() as tape:
                tape.watch(now)
                value = tf.reduce_sum(forwards(now))
            total = value + tf.reduce_sum(tape.gradient(value, now))
        return total

    run()
    before = clock()
    run().numpy()
    return {**since(before), "samples": repeats}


@side
def nll_ours(data: str, num_images: int, num_samples: int) -> dict[str, Any]:
    """Measure the importance-weighted bound of an untrained model as `evaluate` does."""
    import tensorflow as tf

    from vae_tf.evaluation import BoundEstimator

    vae, _ = _our_model("mlp", f"gaussian:{SIZE}")
    x = tf.constant(images(data)[: num_images + 100] / np.float32(255.0))
    estimator = BoundEstimator(vae)
    estimator.per_example([x[-100:]], num_samples, (0, 1))  # compiles
    before = clock()
    estimator.per_example(list(tf.data.Dataset.from_tensor_slices(x[:num_images]).batch(100)), num_samples, (0, 1))
    return {**since(before), "samples": num_images * num_samples}
