"""One measurement in one process: `python benchmarks/sides.py NAME '{"setting": 1}'` prints a JSON object on its last line.

The sides of a comparison get the same images, network, batch, optimizer and number of updates, and give the loss afterwards.
Libraries are imported where they are used: the peers have an environment of their own.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

RATE, SIZE, HIDDEN, CONV = 1e-3, 20, 400, (32, 64)
NUM_SCORED = 10_000
SIDES: dict[str, Callable[..., dict[str, Any]]] = {}


def side(function: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Register a measurement by its name."""
    SIDES[function.__name__] = function
    return function


def _images(data: str) -> np.ndarray:
    """Return images [N, 28, 28, 1], bytes."""
    with np.load(data) as file:
        return file["x"]


def _after_first(times: list[float]) -> float:
    """Return the mean seconds of the epochs after the first, which compiles and warms up."""
    return float(np.mean(np.diff(times)))


def _latents(latents: str) -> list[dict[str, Any]]:
    categorical = {"kind": "categorical", "num_variables": 30, "num_classes": 10, "kl_weight": 1.0, "temperature": 1.0}
    gaussian = {"kind": "gaussian", "size": SIZE, "kl_weight": 1.0}
    one = {**categorical, "num_variables": 1}
    return {"gaussian": [gaussian], "categorical": [categorical], "joint": [{**gaussian, "size": 10}, one]}[latents]


def _our_model(network: str, latents: str) -> tuple[Any, Any]:
    """Return our model, compiled as `train` compiles it, and the spec of its data."""
    from vae_tf.config import ModelConfig
    from vae_tf.data.spec import DatasetSpec
    from vae_tf.models import build_vae

    mlp, conv = {"kind": "mlp", "widths": [HIDDEN]}, {"kind": "conv", "widths": list(CONV), "hidden_size": 256}
    parts = {"network": mlp if network == "mlp" else conv, "likelihood": {"kind": "bernoulli"}, "latents": _latents(latents)}
    spec = DatasetSpec(name="mnist", event_shape=(28, 28, 1), value_support="unit", scale=(255.0,))
    return build_vae(ModelConfig.model_validate(parts), spec), spec


@side
def train_ours(data: str, network: str, latents: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Train as `run.py train` does, without its records."""
    import keras
    import tensorflow as tf

    from vae_tf.data.pipeline import Dataset, train_batches
    from vae_tf.data.splits import ArraySplit
    from vae_tf.training import choose_steps_per_execution
    from vae_tf.training.optimizers import FusedAdam

    x = _images(data)
    vae, spec = _our_model(network, latents)
    steps, times = len(x) // batch_size, []
    per_execution = choose_steps_per_execution(steps)
    steps = steps // per_execution * per_execution
    optimizer = FusedAdam(RATE)
    vae.compile(optimizer=optimizer, steps_per_execution=per_execution)
    optimizer.build(vae.trainable_variables)
    dataset = Dataset(spec, {"train": ArraySplit(x, np.zeros(len(x), np.int64))})
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: times.append(time.perf_counter()))
    batches = train_batches(dataset, batch_size, 0, 0, steps)
    vae.fit(batches, steps_per_epoch=steps, epochs=epochs, verbose=0, shuffle=False, callbacks=[clock])
    scored = tf.constant(x[:NUM_SCORED] / np.float32(255.0))
    loss = vae.evaluate(scored, batch_size=500, verbose=0, return_dict=True)["negative_elbo"]
    return {"seconds": _after_first(times), "steps": steps, "loss": float(loss)}


@side
def train_keras(data: str, network: str, latents: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Train a model as Keras' tutorials do: a subclassed model, shuffled slices, Keras' own Adam."""
    import keras
    import tensorflow as tf

    x = (_images(data) / np.float32(255.0)).reshape(-1, 784)

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
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: times.append(time.perf_counter()))
    batches = tf.data.Dataset.from_tensor_slices((x, x)).shuffle(len(x)).batch(batch_size, drop_remainder=True).prefetch(2)
    model.fit(batches, epochs=epochs, verbose=0, shuffle=False, callbacks=[clock])
    loss = model.evaluate(x[:NUM_SCORED], x[:NUM_SCORED], batch_size=500, verbose=0)
    return {"seconds": _after_first(times), "steps": len(x) // batch_size, "loss": float(loss)}


def _torch_model(network: str) -> Any:
    """Return encoder and decoder with our shapes: strided convolutions with the padding that Keras calls `same`."""
    from torch import nn

    if network == "mlp":
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * SIZE))
        return encoder, nn.Sequential(nn.Linear(SIZE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784))
    first, second = CONV
    same = nn.ZeroPad2d((0, 1, 0, 1))  # what `same` pads where a filter of 3 halves an even side
    encoder = nn.Sequential(
        *[same, nn.Conv2d(1, first, 3, 2), nn.ReLU(), same, nn.Conv2d(first, second, 3, 2), nn.ReLU(), nn.Flatten()],
        *[nn.Linear(49 * second, 256), nn.ReLU(), nn.Linear(256, 2 * SIZE)],
    )
    up = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}
    decoder = nn.Sequential(
        *[nn.Linear(SIZE, 256), nn.ReLU(), nn.Linear(256, 49 * second), nn.ReLU(), nn.Unflatten(1, (second, 7, 7))],
        *[nn.ConvTranspose2d(second, first, **up), nn.ReLU(), nn.ConvTranspose2d(first, first, **up), nn.ReLU()],
        *[nn.Conv2d(first, 1, 3, padding=1), nn.Flatten()],
    )
    return encoder, decoder


def _torch_loss(encoder: Any, decoder: Any, x: Any) -> Any:
    import torch
    from torch.nn import functional

    mean, log_var = encoder(x).chunk(2, dim=-1)
    logits = decoder(mean + torch.exp(0.5 * log_var) * torch.randn_like(mean))
    kl = -0.5 * torch.sum(1 + log_var - mean**2 - log_var.exp(), dim=-1)
    nll = functional.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="none").sum(-1)
    return (nll + kl).mean()


def _train_torch(data: str, network: str, batch_size: int, epochs: int, loader: bool) -> dict[str, Any]:
    import torch

    x = torch.from_numpy(_images(data)).permute(0, 3, 1, 2).float() / 255.0
    torch.manual_seed(0)
    encoder, decoder = _torch_model(network)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=RATE)
    steps, times = len(x) // batch_size, []
    dataset = torch.utils.data.TensorDataset(x)
    batches = torch.utils.data.DataLoader(dataset, batch_size, shuffle=True, drop_last=True) if loader else None
    for _ in range(epochs):
        order = torch.randperm(len(x))
        plain = (x[order[step * batch_size : (step + 1) * batch_size]] for step in range(steps))
        for batch in (one for (one,) in batches) if batches else plain:
            optimizer.zero_grad()
            _torch_loss(encoder, decoder, batch).backward()
            optimizer.step()
        times.append(time.perf_counter())
    with torch.no_grad():
        loss = _torch_loss(encoder, decoder, x[:NUM_SCORED])
    return {"seconds": _after_first(times), "steps": steps, "loss": float(loss)}


@side
def train_torch(data: str, network: str, latents: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Train by a plain PyTorch loop over a permutation."""
    return _train_torch(data, network, batch_size, epochs, loader=False)


@side
def train_torch_loader(data: str, network: str, latents: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Train by PyTorch with its DataLoader."""
    return _train_torch(data, network, batch_size, epochs, loader=True)


def _pythae_model() -> Any:
    """Return Pythae's VAE with our encoder and decoder, which it lets a user bring."""
    import torch
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    encoder, decoder = _torch_model("mlp")

    class Encoder(BaseEncoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = encoder

        def forward(self, x: Any) -> Any:
            mean, log_var = self.layers(x).chunk(2, dim=-1)
            return ModelOutput(embedding=mean, log_covariance=log_var)

    class Decoder(BaseDecoder):
        def __init__(self) -> None:
            super().__init__()
            self.layers = decoder

        def forward(self, z: Any) -> Any:
            return ModelOutput(reconstruction=torch.sigmoid(self.layers(z)).reshape(-1, 1, 28, 28))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=SIZE, reconstruction_loss="bce")
    return VAE(config, encoder=Encoder(), decoder=Decoder())


@side
def train_pythae(data: str, network: str, latents: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Train by Pythae's trainer."""
    import tempfile

    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import TrainingCallback

    x = torch.from_numpy(_images(data)).permute(0, 3, 1, 2).float() / 255.0
    model, times = _pythae_model(), []

    class Clock(TrainingCallback):
        def on_epoch_end(self, training_config: Any, **kwargs: Any) -> None:
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder, num_epochs=epochs, per_device_train_batch_size=batch_size, learning_rate=RATE, no_cuda=True
        )
        dataset = BaseDataset(x, torch.zeros(len(x)))
        BaseTrainer(model, train_dataset=dataset, training_config=config, callbacks=[Clock()]).train()
    with torch.no_grad():
        loss = _torch_loss(model.encoder.layers, model.decoder.layers, x[:NUM_SCORED])
    return {"seconds": _after_first(times), "steps": -(-len(x) // batch_size), "loss": float(loss)}


@side
def floor(data: str, network: str, latents: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Do the matrix products of a training of 784-400-20 alone, forwards and backwards."""
    import tensorflow as tf

    widths = [(784, HIDDEN), (HIDDEN, 2 * SIZE), (SIZE, HIDDEN), (HIDDEN, 784)]
    weights = [tf.random.normal(shape) for shape in widths]
    steps = len(_images(data)) // batch_size
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
        times.append(time.perf_counter())
    return {"seconds": _after_first(times), "steps": steps}


@side
def nll_ours(data: str, num_images: int, num_samples: int) -> dict[str, Any]:
    """Measure the importance-weighted bound of an untrained model as `evaluate` does."""
    import tensorflow as tf

    from vae_tf.evaluation import BoundEstimator

    vae, _ = _our_model("mlp", "gaussian")
    x = tf.constant(_images(data)[: num_images + 100] / np.float32(255.0))
    estimator = BoundEstimator(vae)
    estimator.per_example([x[-100:]], num_samples, (0, 1))  # compiles
    before = time.perf_counter()
    estimator.per_example(list(tf.data.Dataset.from_tensor_slices(x[:num_images]).batch(100)), num_samples, (0, 1))
    return {"seconds": time.perf_counter() - before, "samples": num_images * num_samples}


@side
def nll_pythae(data: str, num_images: int, num_samples: int) -> dict[str, Any]:
    """Measure the same by Pythae's `get_nll`."""
    import torch

    x = torch.from_numpy(_images(data)[:num_images]).permute(0, 3, 1, 2).float() / 255.0
    model = _pythae_model().eval()
    with torch.no_grad():
        model.get_nll(x[:1], n_samples=num_samples, batch_size=min(num_samples, 1000))
        before = time.perf_counter()
        model.get_nll(x, n_samples=num_samples, batch_size=min(num_samples, 1000))
    return {"seconds": time.perf_counter() - before, "samples": num_images * num_samples}


def main() -> None:
    """Measure one side, and print what was found and how much memory it took."""
    found = SIDES[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps({**found, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
