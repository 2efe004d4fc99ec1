"""Every promise is broken by a small part made for it, which gets that finding and no other."""

from typing import Annotated, Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import AfterValidator
from tensorflow_probability.python.distributions import Bernoulli, Independent, Laplace, Normal

from vae_tf.contract import check_part
from vae_tf.models.latents.base import Factors
from vae_tf.objectives import Elbo
from vae_tf.parts import Given, Latent, Likelihood, Network, PositiveInt, Prior, Schedule, Source, known, load_parts, register


class Good:
    """Parts that keep every promise."""

    class LaplaceLatent(Latent):
        """Independent Laplace variables."""

        def __init__(self, size: PositiveInt = 4, seed: Given[int] = 0, name: Given[str | None] = None) -> None:
            super().__init__(name=name, seed=seed)
            self.size = size
            self.params_size = 2 * size

        def posterior(self, params):
            loc, raw = tf.split(params, 2, axis=-1)
            return Independent(Laplace(loc, tf.nn.softplus(raw) + 1e-3), 1)

        def prior(self):
            return Independent(Laplace(tf.zeros(self.size), tf.ones(self.size)), 1)

        def sample(self, q, seed, num_samples=(), hard=False):
            z = q.sample(num_samples, seed=seed)
            return z, q.log_prob(z) - self.prior().log_prob(z)

        def kl(self, q, log_ratio):
            return q.kl_divergence(self.prior())

        def mean(self, q):
            return q.distribution.loc

        def draw(self, num, seed, temperature=1.0):
            return temperature * self.prior().sample(num, seed=seed)

    class DenseNetwork(Network):
        """A dense layer each."""

        def __init__(self, width: PositiveInt = 3) -> None:
            self.width = width

        def encoder(self, event_shape, params_size, num_labels=0):
            x, labels = keras.Input(tuple(event_shape)), keras.Input((num_labels,))
            seen = keras.layers.Flatten()(x)
            seen = keras.layers.Concatenate()([seen, labels]) if num_labels else seen
            hidden = keras.layers.Dense(self.width, activation="tanh")(seen)
            return keras.Model([x, labels] if num_labels else x, keras.layers.Dense(params_size, dtype="float32")(hidden))

        def decoder(self, size, params_shape):
            z = keras.Input((size,))
            flat = keras.layers.Dense(int(np.prod(params_shape)), dtype="float32")(z)
            return keras.Model(z, keras.layers.Reshape(tuple(params_shape), dtype="float32")(flat))

    class BitsLikelihood(Likelihood):
        """Independent bits."""

        supports = ("binary",)

        def distribution(self, params):
            return Independent(Bernoulli(logits=params, dtype=tf.float32), len(self.event_shape))

    class WidePrior(Prior):
        """N(0, 4)."""

        def normal(self):
            return Normal(tf.zeros(self.size), tf.fill([self.size], 2.0))

    class HalvingSchedule(Schedule):
        """Half as much every so many steps."""

        def __init__(self, steps: PositiveInt = 1000) -> None:
            self.steps = steps

        def __call__(self, step):
            return tf.pow(0.5, tf.cast(step, tf.float32) / float(self.steps))

    class PlainObjective(Elbo):
        """The ELBO."""

    class RowsSource(Source):
        """Made rows."""

        def arrays(self, argument):
            return {"x": np.random.default_rng(int(argument)).normal(size=(60, 3))}


GOOD = [part for name, part in vars(Good).items() if isinstance(part, type)]
SAVED = "a saved model is the same"


class HalfKl(Good.LaplaceLatent):
    """Half the KL."""

    def kl(self, q, log_ratio):
        return 0.5 * super().kl(q, log_ratio)


class EstimatedKl(Good.LaplaceLatent):
    """An estimate that says it is exact."""

    def kl(self, q, log_ratio):
        return log_ratio


class DeafDraw(Good.LaplaceLatent):
    """Prior draws pay no heed to the seed."""

    def draw(self, num, seed, temperature=1.0):
        return super().draw(num, (7, 7), temperature)


class DeafSample(Good.LaplaceLatent):
    """Posterior draws pay no heed to the seed."""

    def sample(self, q, seed, num_samples=(), hard=False):
        return super().sample(q, (7, 7), num_samples, hard)


class OtherInGraph(Good.LaplaceLatent):
    """One nat more in a graph."""

    def kl(self, q, log_ratio):
        return super().kl(q, log_ratio) + (0.0 if tf.executing_eagerly() else 1.0)


class DoubledInGraph(Good.LaplaceLatent):
    """Twice as many rows in a graph's training."""

    def training_sample(self, q, seed):
        z, log_ratio = super().training_sample(q, seed)
        return (z, log_ratio) if tf.executing_eagerly() else (tf.concat([z, z], 0), log_ratio)


class Unfelt(Good.LaplaceLatent):
    """No gradient for the encoder."""

    def posterior(self, params):
        return super().posterior(tf.stop_gradient(params))


class WrongShapes(Good.LaplaceLatent):
    """A KL of the whole batch."""

    def kl(self, q, log_ratio):
        return tf.reduce_mean(super().kl(q, log_ratio)) * tf.ones([1])


class Undescribed(Good.LaplaceLatent):
    """A description of no example."""

    def describe(self, q):
        return {"loc": q.distribution.loc[0]}


class ShortPaths(Good.LaplaceLatent):
    """Paths that lack an axis."""

    def traverse(self, z, num_steps):
        return [(label, path[:, 1:]) for label, path in super().traverse(z, num_steps)]


class Halfway(Good.LaplaceLatent):
    """Always in the middle."""

    def blend(self, start, stop, fraction, spherical):
        return 0.5 * (start + stop) + 0.0 * fraction


class OtherFactors(Good.LaplaceLatent):
    """Axes of another prior."""

    def factors(self, q):
        return Factors(q.distribution, Laplace(tf.zeros(self.size), tf.fill([self.size], 2.0)))


class Forgetful(Good.LaplaceLatent):
    """Something drawn that is not saved."""

    def __init__(self, size: PositiveInt = 4, seed: Given[int] = 0, name: Given[str | None] = None) -> None:
        super().__init__(size, seed, name)
        self.shift = np.random.default_rng().normal()

    def mode(self, q):
        return self.mean(q) + self.shift


class OtherBlocks(Good.LaplaceLatent):
    """Posteriors of a block that it does not have."""

    def split_posterior(self, q):
        return [(Good.LaplaceLatent(self.size, name="other"), q)]


class NoDocstring(Good.HalvingSchedule):
    __doc__ = None


class Unset(Good.DenseNetwork):
    """A setting that is no attribute."""

    def __init__(self, width: PositiveInt = 3, depth: PositiveInt = 1) -> None:
        super().__init__(width)


class Altered(Good.DenseNetwork):
    """A setting that is kept as another value."""

    def __init__(self, width: PositiveInt = 3) -> None:
        super().__init__(2 * width)


class Restless(Good.HalvingSchedule):
    """A setting that is another one every time it is read."""

    def __init__(self, steps: Annotated[int, AfterValidator(lambda steps: steps + 1)] = 3) -> None:
        super().__init__(steps)


class Unsaved(Good.HalvingSchedule):
    """A configuration that lacks a setting."""

    def get_config(self) -> dict[str, Any]:
        return {}


class WrongImages(Good.DenseNetwork):
    """Images that are a pixel too wide."""

    def decoder(self, size, params_shape):
        is_image = len(params_shape) == 3
        return super().decoder(size, (params_shape[0], params_shape[1] + 1, params_shape[2]) if is_image else params_shape)


class BlindToLabels(Good.DenseNetwork):
    """Labels go in, and nowhere on."""

    def encoder(self, event_shape, params_size, num_labels=0):
        whole = super().encoder(event_shape, params_size)
        return keras.Model([*whole.inputs, keras.Input((num_labels,))], whole.outputs[0]) if num_labels else whole


class HalfPrecise(Good.DenseNetwork):
    """Outputs in the precision of the layers."""

    def decoder(self, size, params_shape):
        whole = super().decoder(size, params_shape)
        return keras.Model(whole.inputs[0], keras.layers.Activation("linear")(whole.outputs[0]))


class NotADensity(Good.BitsLikelihood):
    """Twice the log probability."""

    def log_prob(self, params, x):
        return 2.0 * super().log_prob(params, x)


class MeanBeyond(Good.BitsLikelihood):
    """A mean that no bit can have."""

    def mean(self, params):
        return super().mean(params) + 1.0


class WholeNumbers(Good.BitsLikelihood):
    """A shape that is a list."""

    @property
    def params_shape(self):
        return list(self.event_shape)


class GraphLikelihood(Good.BitsLikelihood):
    """Half as probable in a graph."""

    def log_prob(self, params, x):
        return super().log_prob(params, x) - (0.0 if tf.executing_eagerly() else 0.7)


class InfiniteLikelihood(Good.BitsLikelihood):
    """Zeros are impossible."""

    def log_prob(self, params, x):
        return super().log_prob(params, x) + tf.where(tf.reduce_min(x, -1) < 1.0, -np.inf, 0.0)


class Doubles(Good.HalvingSchedule):
    """float64."""

    def __call__(self, step):
        return tf.cast(super().__call__(step), tf.float64)


class Endless(Good.HalvingSchedule):
    """Infinite after many steps."""

    def __call__(self, step):
        return tf.exp(tf.cast(step, tf.float32) / 5000.0)


class Counting(Good.HalvingSchedule):
    """Another value every time."""

    calls = 0

    def __call__(self, step):
        Counting.calls += 1
        return super().__call__(step) + float(Counting.calls)


class GraphSchedule(Good.HalvingSchedule):
    """More in a graph."""

    def __call__(self, step):
        return super().__call__(step) + (0.0 if tf.executing_eagerly() else 1.0)


class NotNormal(Prior):
    """No normal, which it does not say."""

    def distribution(self):
        return Independent(Laplace(tf.zeros(self.size), tf.ones(self.size)), 1)


class NarrowDraws(Good.WidePrior):
    """Draws of another scale."""

    def draw(self, num, seed, temperature):
        return 0.5 * super().draw(num, seed, temperature)


class DeafPrior(Good.WidePrior):
    """Draws that pay no heed to the seed."""

    def draw(self, num, seed, temperature):
        return super().draw(num, (7, 7), temperature)


class ForNothing(Good.PlainObjective):
    """Refuses every latent."""

    def check(self, latent):
        raise ValueError("it is for nothing.")


class SilentRefusal(Good.PlainObjective):
    """Refuses without a word."""

    def check(self, latent):
        raise ValueError


class Explosive(Good.PlainObjective):
    """A loss that is no number."""

    def loss(self, model, x, params):
        return super().loss(model, x, params) + np.nan


class Leaking(Good.RowsSource):
    """Tests on what it trained on."""

    def arrays(self, argument):
        x = super().arrays(argument)["x"]
        return {"x_train": x, "x_validation": x[:10] + 1.0, "x_test": x[:10]}


class Fickle(Good.RowsSource):
    """Other rows every time."""

    def arrays(self, argument):
        return {"x": np.random.default_rng().normal(size=(60, 3))}


class Failing(Good.RowsSource):
    """Raises."""

    def arrays(self, argument):
        raise KeyError("no such row")


SEED = "draws depend on the seed alone"
SOURCE = {"three splits of finite examples", "splits share no example", "the same every time", "an account that can be kept"}
BROKEN = {
    HalfKl: {"KL exact = Monte Carlo"},
    EstimatedKl: {"KL exact = Monte Carlo"},
    DeafDraw: {SEED},
    DeafSample: {SEED, "every call draws anew"},
    OtherInGraph: {"eager = graph"},
    DoubledInGraph: {"a graph takes any batch size"},
    Unfelt: {"training step is finite"},
    WrongShapes: {"shapes", "KL exact = Monte Carlo"},
    Undescribed: {"describes its posterior"},
    ShortPaths: {"traversal"},
    Halfway: {"interpolation"},
    OtherFactors: {"factors add up"},
    OtherBlocks: {"names its blocks"},
    Forgetful: {SAVED},
    NoDocstring: {"docstring"},
    Unset: {"settings are attributes"},
    Altered: {"settings are attributes"},
    Restless: {"settings survive JSON and YAML"},
    Unsaved: {"configuration survives Keras"},
    WrongImages: {"shapes"},
    BlindToLabels: {"takes labels"},
    NotADensity: {"probabilities add up to 1"},
    MeanBeyond: {"mean lies where the data lie"},
    WholeNumbers: {"params_shape is told"},
    GraphLikelihood: {"eager = graph"},
    InfiniteLikelihood: {"log_prob is finite", "training step is finite", "probabilities add up to 1"},
    Doubles: {"value is a float32 scalar", "works as a KL weight"},
    Endless: {"value is finite"},
    Counting: {"value depends on the step alone", "eager = graph", "works as a KL weight"},
    GraphSchedule: {"eager = graph"},
    NotNormal: {"normal where it says so"},
    NarrowDraws: {"draws = distribution"},
    DeafPrior: {SEED},
    ForNothing: {"says which latents it is for"},
    SilentRefusal: {"says which latents it is for", "training steps are finite", SAVED},
    Explosive: {"training steps are finite"},
    Leaking: {"splits share no example"},
    Fickle: {"the same every time"},
    Failing: SOURCE,
}


@pytest.fixture
def check():
    """Return a function from a class to all its findings; it is a registered part as long as that takes."""

    def findings(part):
        register("tried")(part)
        try:
            return check_part(part, "tried:3" if part.slot == "source" else None)
        finally:
            del known._REGISTERED[part.slot]["tried"]

    return findings


def _broken(findings):
    return {finding.promise: finding.message for finding in findings if finding.passed is False}


@pytest.mark.parametrize("part", GOOD)
def test_a_part_that_keeps_its_promises_has_no_findings(part, check):
    assert _broken(check(part)) == {}


@pytest.mark.parametrize("part", BROKEN)
def test_a_broken_promise_is_found_and_no_other(part, check):
    found = _broken(check(part))
    assert set(found) == BROKEN[part], found
    assert all(message and "\n" not in message for message in found.values())


OWN = """
from vae_tf.parts import PositiveInt, Schedule, register


@register("own_broken")
class OwnBroken(Schedule):
    '''Fails after a while.'''

    def __init__(self, steps: PositiveInt = 10) -> None:
        self.steps = steps

    def __call__(self, step):
        return {}[0]


@register("own_half")
class OwnHalf(OwnBroken):
    '''Cannot be made.'''

    def __init__(self, steps: PositiveInt = 10) -> None:
        raise RuntimeError("out of order")
"""


@pytest.fixture
def own_file(tmp_path, restored_parts):
    path = tmp_path / "own_broken.py"
    path.write_text(OWN)
    return path


def test_what_raises_is_a_finding_with_its_line(own_file):
    load_parts(own_file)
    found = {kind: _broken(check_part(part)) for kind, part in known.kinds("schedule").items() if kind.startswith("own_")}
    assert found["own_broken"]["value is finite"] == f"{own_file}, line 13: KeyError: 0"
    assert found["own_half"] == {"can be made": f"{own_file}, line 21: RuntimeError: out of order"}


def test_a_missing_method_is_named(check):
    class NoKl(Good.LaplaceLatent):
        """No KL."""

        kl = Latent.kl

    assert _broken(check(NoKl))["has the methods of its slot"] == "the class lacks kl: add that."


def test_what_is_done_without_a_method_is_told(check):
    told = {finding.promise: finding.message for finding in check(Good.LaplaceLatent) if finding.passed is None}
    assert set(Latent.optional) <= set(told)
    assert "range of 500 draws" in told["traverse"]


def test_a_source_is_not_loaded_without_an_argument():
    findings = {finding.promise: finding for finding in check_part(known.kinds("source")["waves"])}
    assert {findings[name].passed for name in SOURCE} == {None}
    assert "--dataset waves:ARGUMENT" in findings["the same every time"].message


def test_half_precision_to_the_end_is_said_and_works(check):
    found = {finding.promise: finding for finding in check(HalfPrecise)}
    finding = found["float32 outputs in mixed precision"]
    assert finding.passed is None and "decoder bfloat16, which the model casts" in finding.message
