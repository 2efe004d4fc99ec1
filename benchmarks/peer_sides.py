"""The peers' sides: a plain PyTorch loop, PyTorch with its DataLoader, Pythae. They run in an environment of their own."""

from collections.abc import Iterator
from typing import Any

from measuring import CONV, HIDDEN, NUM_SCORED, RATE, SIZE, after_first, clock, images, side, since, until


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


def _epochs(x: Any, model: Any, batch_size: int, loader: bool = False, compiled: bool = False) -> Iterator[None]:
    """Train for one epoch after the other; compiled, with Adam in one kernel."""
    import torch

    encoder, decoder = model
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=RATE, fused=compiled)
    loss = torch.compile(_torch_loss) if compiled else _torch_loss
    dataset = torch.utils.data.TensorDataset(x)
    batches = torch.utils.data.DataLoader(dataset, batch_size, shuffle=True, drop_last=True) if loader else None
    while True:
        order = torch.randperm(len(x))
        plain = (x[order[first : first + batch_size]] for first in range(0, len(x) - batch_size + 1, batch_size))
        for batch in (one for (one,) in batches) if batches else plain:
            optimizer.zero_grad()
            loss(encoder, decoder, batch).backward()
            optimizer.step()
        yield


def _tensor(data: str, key: str = "x") -> Any:
    import torch

    return torch.from_numpy(images(data, key)).permute(0, 3, 1, 2).float() / 255.0


def _train_torch(
    data: str, network: str, batch_size: int, epochs: int, loader: bool = False, compiled: bool = False
) -> dict[str, Any]:
    import torch

    torch.manual_seed(0)
    x, model, times = _tensor(data), _torch_model(network), []
    for _, _ in zip(range(epochs), _epochs(x, model, batch_size, loader, compiled), strict=False):
        times.append(clock())
    with torch.no_grad():
        loss = _torch_loss(*model, x[:NUM_SCORED])
    return {**after_first(times), "steps": len(x) // batch_size, "loss": float(loss)}


@side
def bound_torch(data: str, batch_size: int, target: float) -> dict[str, Any]:
    """Train by a plain PyTorch loop until the test negative ELBO is at a target."""
    import torch

    torch.manual_seed(0)
    x, test, model = _tensor(data), _tensor(data, "x_test"), _torch_model("mlp")
    epochs = _epochs(x, model, batch_size)

    def score() -> float:
        with torch.no_grad():
            return float(_torch_loss(*model, test))

    return until(target, lambda: next(epochs), score)


@side
def train_torch(data: str, network: str, latents: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Train by a plain PyTorch loop over a permutation."""
    return _train_torch(data, network, batch_size, epochs)


@side
def train_torch_compiled(data: str, network: str, latents: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Train by a loop over a permutation, the step compiled, Adam in one kernel."""
    return _train_torch(data, network, batch_size, epochs, compiled=True)


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

    x = _tensor(data)
    model, times = _pythae_model(), []

    class Clock(TrainingCallback):
        def on_epoch_end(self, training_config: Any, **kwargs: Any) -> None:
            times.append(clock())

    with tempfile.TemporaryDirectory() as folder:
        config = BaseTrainerConfig(
            output_dir=folder, num_epochs=epochs, per_device_train_batch_size=batch_size, learning_rate=RATE, no_cuda=True
        )
        dataset = BaseDataset(x, torch.zeros(len(x)))
        BaseTrainer(model, train_dataset=dataset, training_config=config, callbacks=[Clock()]).train()
    with torch.no_grad():
        loss = _torch_loss(model.encoder.layers, model.decoder.layers, x[:NUM_SCORED])
    return {**after_first(times), "steps": -(-len(x) // batch_size), "loss": float(loss)}


@side
def nll_pythae(data: str, num_images: int, num_samples: int) -> dict[str, Any]:
    """Measure the same by Pythae's `get_nll`."""
    import torch

    x = _tensor(data)[:num_images]
    model = _pythae_model().eval()
    with torch.no_grad():
        model.get_nll(x[:1], n_samples=num_samples, batch_size=min(num_samples, 1000))
        before = clock()
        model.get_nll(x, n_samples=num_samples, batch_size=min(num_samples, 1000))
    return {**since(before), "samples": num_images * num_samples}
