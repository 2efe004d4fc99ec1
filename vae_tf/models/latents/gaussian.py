"""A diagonal Gaussian latent: the reparameterisation trick."""

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
import tensorflow as tf
from tensorflow_probability.python.distributions import Independent, Normal, kl_divergence

from vae_tf.data.spec import MANY_ROWS
from vae_tf.models.latents.base import Factors, Latent
from vae_tf.models.linear import inverse_softplus
from vae_tf.models.samplers import sample
from vae_tf.parts.base import is_open
from vae_tf.parts.choices import Choice
from vae_tf.parts.registry import register
from vae_tf.parts.settings import build
from vae_tf.parts.types import KL_WARM_UP, Given, Name, PriorLike, ScheduleLike, SizeLike

__all__ = ["GaussianLatent", "traverse_axes"]

_TRAVERSAL_RANGE = 3.0
_SIZE = 20
_MOST_OF_A_ROW = 32
_MOST_OF_CELLS, _MOST_OF_MANY_CELLS = 4, 16
_SOFTPLUS_INVERSE_OF_ONE = math.log(math.expm1(1.0))


def traverse_axes(
    name: str, z: tf.Tensor, num_steps: int, center: tf.Tensor | float = 0.0, scale: tf.Tensor | float = 1.0
) -> list[tuple[str, tf.Tensor]]:
    """Move one coordinate of z, [size], at a time from -3 to 3 prior standard deviations."""
    size = z.shape[-1]
    values = center + scale * tf.linspace(-_TRAVERSAL_RANGE, _TRAVERSAL_RANGE, num_steps)[:, tf.newaxis]
    masks = tf.eye(size)
    return [(f"{name}[{i}]", z * (1.0 - masks[i]) + values * masks[i]) for i in range(size)]


def _settled_kl(kl_kind: str, prior: Any) -> str:
    """Return what a kind of KL is under a prior, or its class: `auto` is the closed form where there is one."""
    return kl_kind if kl_kind != "auto" else "closed_form" if prior.is_normal else "monte_carlo"


def _slerp(start: tf.Tensor, stop: tf.Tensor, fractions: tf.Tensor) -> tf.Tensor:
    """Interpolate along the great circle, and the radius linearly (Shoemake 1985; White 2016)."""
    radii = tf.norm(start, axis=-1, keepdims=True), tf.norm(stop, axis=-1, keepdims=True)
    units = tf.math.divide_no_nan(start, radii[0]), tf.math.divide_no_nan(stop, radii[1])
    cosine = tf.clip_by_value(tf.reduce_sum(units[0] * units[1], -1, keepdims=True), -1.0, 1.0)
    angle = tf.acos(cosine)
    arc = tf.sin((1.0 - fractions) * angle) * units[0] + tf.sin(fractions * angle) * units[1]
    unit = tf.where(tf.sin(angle) > 1e-4, tf.math.divide_no_nan(arc, tf.sin(angle)), units[0])
    radius = radii[0] + fractions * (radii[1] - radii[0])
    straight = start + fractions * (stop - start)
    return tf.where(tf.sin(angle) > 1e-4, unit * radius, straight)


@register("gaussian")
class GaussianLatent(Latent):
    """A diagonal Gaussian posterior, drawn by the reparameterisation trick; the prior is standard normal if none is given.

    z = loc + scale * epsilon, epsilon ~ N(0, I) (Kingma and Welling 2014, section 2.4). The KL term is the closed form of
    their appendix B, or the one-sample Monte Carlo estimate log q(z|x) - log p(z).

    Args:
        size: dimensions of z; `auto`: of a table one less than its columns, or as many, else 20.
        kl_kind: `closed_form`, where the prior is normal, or `monte_carlo`; `auto`: the closed form where there is one.
        kl_weight: weight of the KL term (beta in Higgins et al. 2017).
        prior: `auto`; `standard`, `diagonal` (learned), `mixture` (learned), `vamp`, or another kind of prior.
        seed: root of the layer's random streams.
        name: the block's name.

    Example:
        >>> latent = GaussianLatent(size=2)
        >>> q = latent.posterior(tf.zeros([1, 4]))
        >>> q.stddev().numpy().round(4).tolist(), round(float(latent.kl(q, None)[0]), 4)
        ([[1.0, 1.0]], 0.0)
    """

    short: ClassVar[tuple[str, ...]] = ("size",)
    stored_as: ClassVar[dict[str, str]] = {"prior": "prior_layer"}

    def __init__(
        self,
        size: SizeLike = "auto",
        kl_kind: Literal["auto", "closed_form", "monte_carlo"] = "auto",
        kl_weight: ScheduleLike = KL_WARM_UP,
        prior: PriorLike = "auto",
        seed: Given[int] = 0,
        name: Name | None = None,
    ) -> None:
        super().__init__(name=name, kl_weight=kl_weight, seed=seed)
        size = _SIZE if size == "auto" else size
        if kl_kind not in ("auto", "closed_form", "monte_carlo"):
            raise ValueError(f"kl_kind must be 'auto', 'closed_form' or 'monte_carlo'. Received: {kl_kind!r}.")
        self.prior_layer = build("prior", prior, size=size)
        self.kl_kind = _settled_kl(kl_kind, self.prior_layer)
        if self.kl_kind == "closed_form" and not self.prior_layer.is_normal:
            raise ValueError("kl_kind must be 'monte_carlo' where the prior is no normal. Received: 'closed_form'.")
        self.size = size
        self.params_size = 2 * size

    @classmethod
    def choose(cls, data: Any) -> dict[str, Choice]:
        """Choose the size: a row's numbers less one leave noise a place, all leave it none; of other data 20 are a start."""
        if data.is_real_rows:
            numbers = f"{data.num_dims} {'column' if data.is_table else 'number'}{'s' if data.num_dims > 1 else ''}"
            if data.num_dims <= 2:
                return {"size": Choice(2, f"{numbers}: two can be drawn")}
            size = min(data.num_dims - 1, _MOST_OF_A_ROW)
            others = (size + 1,) if size < _MOST_OF_A_ROW else ()
            return {"size": Choice(size, f"{numbers}: one less, {_MOST_OF_A_ROW} at most", others=others)}
        if data.is_mixed:
            size = min(data.num_dims, _MOST_OF_MANY_CELLS if data.num_train >= MANY_ROWS else _MOST_OF_CELLS)
            return {"size": Choice(size, f"{data.num_train:,} rows of {data.num_dims} columns")}
        return {"size": Choice(_SIZE, "a start; see the report for how many are used")}

    @classmethod
    def settle(cls, settings: Any, data: Any) -> Any:
        """Return the settings with what the data decide, and with the kind of KL that the prior then has."""
        settled = super().settle(settings, data)
        open_kl = is_open(getattr(settled, "kl_kind", None))
        return settled.model_copy(update={"kl_kind": _settled_kl("auto", settled.prior.part)}) if open_kl else settled

    @classmethod
    def check_settings(cls, settings: Any) -> None:
        """Refuse a closed form where there is none.

        Raises:
            ValueError: the prior is a mixture.
        """
        if not settings.prior.part.is_normal and getattr(settings, "kl_kind", "") == "closed_form":
            raise ValueError("kl_kind must be 'monte_carlo' where the prior is a mixture. Received: 'closed_form'")

    def posterior(self, params: tf.Tensor) -> Independent:
        """Return N(loc, diag(scale^2)), batch [B]; scale = softplus, and 1 where the encoder's output is 0."""
        loc, raw_scale = tf.split(params, 2, axis=-1)
        scale = tf.nn.softplus(raw_scale + _SOFTPLUS_INVERSE_OF_ONE) + 1e-6
        return Independent(Normal(loc, scale), reinterpreted_batch_ndims=1)

    @property
    def starts_linear(self) -> bool:
        """Whether the posterior's parameters are loc and raw scale alone, and the prior standard normal."""
        return type(self) is GaussianLatent and self.prior_layer.starts_standard

    def linear_start(self, model: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return what gives a linear model's exact posterior: kernel [D, params_size] and bias [params_size]."""
        gain, offset, scale = model.encoder()
        raw = inverse_softplus(scale) - _SOFTPLUS_INVERSE_OF_ONE
        return np.concatenate([gain, np.zeros_like(gain)], axis=1), np.concatenate([offset, raw])

    def build(self, input_shape: Any) -> None:
        """Make the counters, and the prior's weights."""
        super().build(input_shape)
        if not self.prior_layer.built:
            self.prior_layer.build(None)

    def connect(self, encode: Callable[[tf.Tensor], tf.Tensor]) -> None:
        """Give the prior the way from an example to its posterior."""
        self.prior_layer.connect(lambda x: self.posterior(encode(x)))

    def start(self, examples: Any) -> None:
        """Let the prior start from training examples."""
        self.prior_layer.start(examples, self.name)

    def prior(self) -> Any:
        """Return p(z), event [size]."""
        return self.prior_layer.distribution()

    def sample(
        self, q: Independent, seed: Any, num_samples: tuple[int, ...] = (), hard: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw z and its log ratio; see `Latent.sample`. `hard` changes nothing here."""
        z = sample(q, num_samples, seed)
        return z, q.log_prob(z) - self.prior().log_prob(z)

    def kl(self, q: Independent, log_ratio: tf.Tensor) -> tf.Tensor:
        """Return KL(q || p) [B] in nats, exact or estimated as `kl_kind` says."""
        return kl_divergence(q, self.prior()) if self.kl_kind == "closed_form" else log_ratio

    @property
    def kl_is_exact(self) -> bool:
        """Whether `kl` is a closed form, not an estimate."""
        return self.kl_kind == "closed_form"

    def factors(self, q: Independent) -> Factors | None:
        """Return one normal a dimension; None where the prior has no independent dimensions."""
        return Factors(q.distribution, self.prior_layer.normal()) if self.prior_layer.is_normal else None

    def mean(self, q: Independent) -> tf.Tensor:
        """Return loc, [B, size]."""
        return q.distribution.loc

    def describe(self, q: Independent) -> dict[str, tf.Tensor]:
        """Return loc and scale, [B, size]."""
        return {"loc": q.distribution.loc, "scale": q.distribution.scale}

    def draw(self, num: int, seed: Any, temperature: float | tf.Tensor = 1.0) -> tf.Tensor:
        """Draw [num, size] from the prior, deviations from its mean times the temperature."""
        return self.prior_layer.draw(num, seed, temperature)

    def traverse(self, z: tf.Tensor, num_steps: int) -> list[tuple[str, tf.Tensor]]:
        """Move one coordinate at a time from -3 to 3 standard deviations of the prior."""
        p = self.prior()
        return traverse_axes(self.name, z, num_steps, p.mean(), p.stddev())

    def blend(self, start: tf.Tensor, stop: tf.Tensor, fraction: tf.Tensor, spherical: bool) -> tf.Tensor:
        """Return a point of the straight path, or of one along the sphere that the prior's mass lies near."""
        return _slerp(start, stop, fraction) if spherical else super().blend(start, stop, fraction, spherical)
