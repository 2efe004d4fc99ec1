"""JAX's sides: what a user who cares for speed would write with optax: one compiled epoch by `lax.scan`, images in memory."""

from collections.abc import Callable
from typing import Any

import numpy as np
from measuring import CONV, HIDDEN, NUM_SCORED, RATE, SIZE, after_first, clock, images, side, since

_Params = list[tuple[Any, Any]]


def _dense(key: Any, *shape: int, fan: tuple[int, int] | None = None) -> tuple[Any, Any]:
    """Return a kernel by Glorot and Bengio's rule, and a bias of zeros."""
    import jax
    import jax.numpy as jnp

    limit = (6 / sum(fan or shape[-2:])) ** 0.5
    return jax.random.uniform(key, shape, minval=-limit, maxval=limit), jnp.zeros(shape[-1])


def _apply(layer: tuple[Any, Any], h: Any) -> Any:
    return h @ layer[0] + layer[1]


def _mlp(key: Any, given: int, taken: int) -> tuple[_Params, Callable[..., Any], Callable[..., Any]]:
    import jax

    k = jax.random.split(key, 4)
    params = [_dense(k[0], 784, HIDDEN), _dense(k[1], HIDDEN, given), _dense(k[2], taken, HIDDEN), _dense(k[3], HIDDEN, 784)]

    def encode(params: _Params, x: Any) -> Any:
        return _apply(params[1], jax.nn.relu(_apply(params[0], x)))

    def decode(params: _Params, z: Any) -> Any:
        return _apply(params[3], jax.nn.relu(_apply(params[2], z)))

    return params, encode, decode


def _conv(key: Any, given: int, taken: int) -> tuple[_Params, Callable[..., Any], Callable[..., Any]]:
    """Return our convolutions of 28 x 28: two that halve, two transposed ones, one more at the end."""
    import jax
    from jax import lax

    first, second = CONV
    names, k = ("NHWC", "HWIO", "NHWC"), jax.random.split(key, 9)

    def filters(key: Any, before: int, after: int) -> tuple[Any, Any]:
        return _dense(key, 3, 3, before, after, fan=(9 * before, 9 * after))

    params = [filters(k[0], 1, first), filters(k[1], first, second), _dense(k[2], 49 * second, 256), _dense(k[3], 256, given)]
    params += [_dense(k[4], taken, 256), _dense(k[5], 256, 49 * second), filters(k[6], second, first)]
    params += [filters(k[7], first, first), filters(k[8], first, 1)]

    def convolve(layer: tuple[Any, Any], h: Any, stride: int) -> Any:
        return lax.conv_general_dilated(h, layer[0], (stride, stride), "SAME", dimension_numbers=names) + layer[1]

    def transposed(layer: tuple[Any, Any], h: Any) -> Any:
        return lax.conv_transpose(h, layer[0], (2, 2), "SAME", dimension_numbers=names) + layer[1]

    def encode(params: _Params, x: Any) -> Any:
        h = x.reshape(-1, 28, 28, 1)
        for layer in params[:2]:
            h = jax.nn.relu(convolve(layer, h, 2))
        return _apply(params[3], jax.nn.relu(_apply(params[2], h.reshape(len(h), -1))))

    def decode(params: _Params, z: Any) -> Any:
        h = jax.nn.relu(_apply(params[5], jax.nn.relu(_apply(params[4], z)))).reshape(-1, 7, 7, second)
        for layer in params[6:8]:
            h = jax.nn.relu(transposed(layer, h))
        return convolve(params[8], h, 1).reshape(-1, 784)

    return params, encode, decode


def _posterior(latents: str) -> tuple[int, int, Callable[[Any, Any], tuple[Any, Any]]]:
    """Return how many numbers a posterior has, how long z is, and what draws z and measures the KL, of one block."""
    import jax
    import jax.numpy as jnp

    kind, _, size = latents.partition(":")
    if kind == "gaussian":
        count = int(size)

        def gaussian(q: Any, key: Any) -> tuple[Any, Any]:
            loc, log_scale = jnp.split(q, 2, axis=-1)
            kl = 0.5 * (loc**2 + jnp.exp(2 * log_scale) - 1 - 2 * log_scale).sum(-1)
            return loc + jnp.exp(log_scale) * jax.random.normal(key, loc.shape), kl

        return 2 * count, count, gaussian
    variables, classes = map(int, size.split("x"))

    def categorical(q: Any, key: Any) -> tuple[Any, Any]:
        logits = q.reshape(-1, variables, classes)
        log_probs = jax.nn.log_softmax(logits)
        z = jax.nn.softmax(logits + jax.random.gumbel(key, logits.shape))  # at a temperature of 1, as our side's
        return z.reshape(len(q), -1), (jnp.exp(log_probs) * (log_probs + np.log(classes))).sum((-1, -2))

    return variables * classes, variables * classes, categorical


def _model(network: str, latents: str) -> tuple[_Params, Callable[..., Any]]:
    """Return weights, and the negative ELBO of images [B, 784]."""
    import jax

    given, taken, draw = _posterior(latents)
    params, encode, decode = (_mlp if network == "mlp" else _conv)(jax.random.key(0), given, taken)

    def negative_elbo(params: _Params, x: Any, key: Any) -> Any:
        z, kl = draw(encode(params, x), key)
        logits = decode(params, z)
        return ((jax.nn.softplus(logits) - x * logits).sum(-1) + kl).mean()

    return params, negative_elbo


@side
def train_jax(data: str, network: str, latents: str, batch_size: int, epochs: int) -> dict[str, Any]:
    """Train by a whole epoch in one compiled `lax.scan`."""
    import jax
    import jax.numpy as jnp
    import optax

    x = jnp.asarray(images(data).reshape(-1, 784).astype("float32") / 255)
    steps, optimizer = len(x) // batch_size, optax.adam(RATE)
    params, negative_elbo = _model(network, latents)

    @jax.jit
    def epoch(params: _Params, state: Any, key: Any) -> Any:
        of_order, of_noise = jax.random.split(key)
        order = jax.random.permutation(of_order, len(x))[: steps * batch_size].reshape(steps, batch_size)

        def step(carry: Any, inputs: Any) -> Any:
            (params, state), (rows, key) = carry, inputs
            loss, slopes = jax.value_and_grad(negative_elbo)(params, x[rows], key)
            updates, state = optimizer.update(slopes, state)
            return (optax.apply_updates(params, updates), state), loss

        (params, state), losses = jax.lax.scan(step, (params, state), (order, jax.random.split(of_noise, steps)))
        return params, state, losses.mean()

    state, times = optimizer.init(params), []
    for number in range(epochs):
        params, state, loss = epoch(params, state, jax.random.key(number))
        loss.block_until_ready()
        times.append(clock())
    loss = negative_elbo(params, x[:NUM_SCORED], jax.random.key(epochs))
    return {**after_first(times), "steps": steps, "loss": float(loss)}


@side
def nll_jax(data: str, num_images: int, num_samples: int) -> dict[str, Any]:
    """Measure the importance-weighted bound in one compiled loop over images, all samples of one at once."""
    import jax
    import jax.numpy as jnp

    x = jnp.asarray(images(data)[:num_images].reshape(-1, 784).astype("float32") / 255)
    params, encode, decode = _mlp(jax.random.key(0), 2 * SIZE, SIZE)

    def bound(x: Any, key: Any) -> Any:
        loc, log_scale = jnp.split(encode(params, x), 2)
        noise = jax.random.normal(key, (num_samples, SIZE))
        z = loc + jnp.exp(log_scale) * noise
        logits = decode(params, z)
        log_x = (x * logits - jax.nn.softplus(logits)).sum(-1)
        ratio = (-0.5 * z**2 + 0.5 * noise**2 + log_scale).sum(-1)
        return jax.nn.logsumexp(log_x + ratio) - np.log(num_samples)

    measured = jax.jit(lambda x, keys: jax.lax.map(lambda one: bound(*one), (x, keys)))
    keys = jax.random.split(jax.random.key(0), num_images)
    measured(x, keys).block_until_ready()  # compiles
    before = clock()
    measured(x, keys).block_until_ready()
    return {**since(before), "samples": num_images * num_samples}
