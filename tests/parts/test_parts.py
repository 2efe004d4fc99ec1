"""What a class must be to become a part, what its settings are, and how it is made of them."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field, ValidationError

import vae_tf
from vae_tf.config import ModelConfig, RunConfig, TrainingConfig, validate_config
from vae_tf.errors import UserValueError
from vae_tf.models import GaussianLikelihood, StandardPrior
from vae_tf.parts import (
    SLOTS,
    Given,
    Network,
    PositiveInt,
    PriorLike,
    Schedule,
    build,
    files,
    find,
    kinds,
    known,
    read,
    register,
    settings_of,
)
from vae_tf.parts.base import arguments
from vae_tf.parts.registry import check_defaults
from vae_tf.parts.settings import UNREAD, is_given

ROOT = Path(__file__).parents[2]
FAMILIES = [(slot, kind) for slot in SLOTS for kind in kinds(slot)]


@pytest.fixture(autouse=True)
def forget(monkeypatch):
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(known, "_REGISTERED", {slot: dict(parts) for slot, parts in known._REGISTERED.items()})
    monkeypatch.setattr(files, "_LOADED", dict(files._LOADED))


@pytest.mark.parametrize(("slot", "kind"), FAMILIES)
def test_every_family_is_of_its_slot_and_has_sound_defaults(slot, kind):
    part = find(slot, kind)
    assert (part.slot, part.kind) == (slot, kind)
    check_defaults(part)


@pytest.mark.parametrize(("slot", "kind"), [one for one in FAMILIES if one != ("schedule", "constant")])
def test_a_kind_alone_means_the_constructor_s_defaults(slot, kind):
    settings, signature = read(slot, kind), arguments(find(slot, kind))
    own = {name for name, one in signature.items() if not is_given(one.annotation)}
    assert set(type(settings).model_fields) == own | {"kind"}
    assert read(slot, settings.model_dump(mode="json")) == settings
    for name in own:
        default, value = signature[name].default, getattr(settings, name)
        plain = value.model_dump(mode="json") if hasattr(value, "model_dump") else value
        assert plain == default or default is None or read_again(plain, default)


def read_again(value, default):
    """A default in short form, such as a kind or a number, reads to the same."""
    slot = next(slot for slot in ("schedule", "prior") if value["kind"] in kinds(slot))
    return read(slot, default).model_dump(mode="json") == value


class Twice:
    """Not a part."""


def make_network(**annotations: Any) -> type:
    """Return a network whose constructor has these arguments: name to (annotation, default)."""

    class Mine(Network):
        """One of a test."""

        def __init__(self, **values: Any) -> None:
            vars(self).update(values)

        def encoder(self, event_shape, params_size, num_labels=0): ...

        def decoder(self, size, params_shape): ...

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    self = inspect.Parameter("self", kind)
    parameters = [inspect.Parameter(name, kind, annotation=a, default=d) for name, (a, d) in annotations.items()]
    Mine.__init__.__signature__ = inspect.Signature([self, *parameters])
    return Mine


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: register("mine")(Twice), TypeError, r"is for subclasses of Network, Latent, Prior, .*Received: .*Twice"),
        (lambda: register("mlp")(make_network()), ValueError, r"'mlp' of Mine is taken, by vae_tf.models.networks.mlp"),
        (lambda: register("My net")(make_network()), ValueError, r"lower-case letters, digits and underscores.*'My net'"),
        (lambda: register("mine")(make_network(width=(inspect.Parameter.empty, 3))), TypeError, r"'width' must have an annot"),
        (lambda: register("mine")(make_network(width=(PositiveInt, 0))), ValueError, r"the default of 'width' breaks its type"),
        (lambda: register("mine")(make_network(copy=(int, 1))), ValueError, r"may not be called 'copy'"),
        (lambda: register("mine")(make_network(kind=(str, "x"))), ValueError, r"may not be called 'kind'"),
        (lambda: register("mine")(make_network(prior=(PriorLike, "none"))), ValueError, r"the default of 'prior' breaks"),
    ],
)
def test_what_can_be_no_part_is_said_where_it_stands(make, error, message):
    with pytest.raises(error, match=message):
        make()
    assert "mine" not in kinds("network")


def test_a_part_of_ones_own_is_a_kind_with_its_ranges():
    part = register("mine")(make_network(width=(PositiveInt, 7), mode=(Literal["a", "b"], "a")))
    assert find("network", "mine") is part
    config = ModelConfig.model_validate({"network": {"kind": "mine", "width": 3}})
    assert config.network.model_dump() == {"kind": "mine", "width": 3, "mode": "a"}
    assert (build("network", config.network).width, build("network", "mine").width) == (3, 7)
    with pytest.raises(UserValueError, match=r"model.network.width must be >= 1. Received: 0."):
        validate_config({"model": {"network": {"kind": "mine", "width": 0}}})
    with pytest.raises(UserValueError, match=r"model.network.widht is not a known key; did you mean 'width'\?"):
        validate_config({"model": {"network": {"kind": "mine", "widht": 3}}})


def test_a_part_may_be_defined_again():
    """As in a notebook, where a cell is run twice."""
    register("mine")(make_network(width=(PositiveInt, 7)))
    again = register("mine")(make_network(width=(PositiveInt, 8)))
    assert find("network", "mine") is again and read("network", "mine").width == 8


class Shifted(StandardPrior):
    """A prior that must be told more than its block can say."""

    def __init__(self, size: Given[int], vocabulary: Given[int], name: Given[str] = "prior") -> None:
        super().__init__(size, name)
        self.vocabulary = vocabulary


def test_what_must_be_given_and_is_not_is_named(make_spec):
    register("shifted")(Shifted)
    with pytest.raises(ValueError, match=r"prior shifted must be given vocabulary"):
        build("prior", "shifted", make_spec(), size=2)
    assert build("prior", "shifted", make_spec(), size=2, vocabulary=5).vocabulary == 5


class Needy(GaussianLikelihood):
    """A likelihood that asks for everything the data give."""

    def __init__(  # noqa: PLR0913 - all there are
        self,
        event_shape: Given[Any],
        value_support: Given[str],
        is_bounded: Given[bool],
        num_labels: Given[int],
        num_levels: Given[int],
        num_tokens: Given[int],
        seed: Given[int],
        name: Given[str] = "likelihood",
    ) -> None:
        super().__init__(event_shape)
        self.value_support, self.is_bounded, self.seed = value_support, is_bounded, seed
        self.num_labels, self.num_levels, self.num_tokens = num_labels, num_levels, num_tokens


def test_the_data_give_by_name(make_spec):
    register("needy")(Needy)
    spec = make_spec((4, 4, 1), raw_range=(0, 7), label_names=("a", "b", "c"))
    made = build("likelihood", "needy", spec, seed=9)
    given = (made.value_support, made.is_bounded, made.num_labels, made.num_levels, made.num_tokens, made.seed)
    assert (made.event_shape, given) == ((4, 4, 1), ("unit", True, 3, 8, 0, 9))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2, {"kind": "constant", "value": 2.0}),
        ("1e-3", {"kind": "constant", "value": 0.001}),
        ("linear", {"kind": "linear", "start": 0.0, "stop": 1.0, "steps": "auto", "after": 0}),
        (
            {"kind": "stepwise", "every": 3, "schedule": 0.5},
            {"kind": "stepwise", "schedule": {"kind": "constant", "value": 0.5}, "every": 3},
        ),
    ],
)
def test_short_forms(value, expected):
    assert read("schedule", value).model_dump() == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"training": {"learning_rate": "learned"}},
            "training.learning_rate must have one of the kinds .*'learned'",
        ),
        ({"model": {"latents": [{"kind": "categorical", "temperature": 0}]}}, r"latents\[0\].temperature must be > 0 at every"),
        (
            {"model": {"latents": [{"kind": "gaussian", "kl_weight": {"kind": "stepwise", "schedule": "stepwise"}}]}},
            r"model.latents\[0\].kl_weight.schedule must have one of the kinds 'constant', 'cosine'.* Received: 'stepwise'",
        ),
        (
            {"model": {"latents": [{"kind": "gaussian", "prior": {"kind": "vamp", "n": 1}}]}},
            r"\[0\].prior.n is not a known",
        ),
        (
            {"model": {"latents": [{"kind": "gaussian", "kl_kind": "closed_form", "prior": "vamp"}]}},
            r"model.latents\[0\] kl_kind must be 'monte_carlo'",
        ),
        ({"model": {"network": 5}}, "model.network must be a mapping of keys to values. Received: 5."),
    ],
)
def test_parts_inside_parts_are_checked_with_their_place(settings, message):
    with pytest.raises(UserValueError, match=message):
        validate_config(settings)


def test_a_stepwise_learning_rate_is_taken_and_one_of_zero_is_not():
    assert TrainingConfig(learning_rate={"kind": "stepwise", "schedule": 0.1}).learning_rate.schedule.value == 0.1
    with pytest.raises(ValidationError, match="must be > 0 at some step"):
        TrainingConfig(learning_rate={"kind": "stepwise", "schedule": 0})


def test_unread_parts_stay_what_was_written():
    written = {"model": {"network": {"kind": "of somebody else", "x": 1}}, "objective": "theirs"}
    config = RunConfig.model_validate(written, context=UNREAD)
    assert (config.model.network, config.objective) == (written["model"]["network"], "theirs")
    assert validate_config(written, with_parts=False) == config


def test_a_nested_part_is_built_by_its_owner_with_the_data(make_vae):
    block = {"kind": "gaussian", "size": 2, "kl_kind": "monte_carlo", "prior": {"kind": "vamp", "num_components": 3}}
    prior = make_vae(block, event_shape=(5,)).latent.prior_layer
    assert (prior.size, prior.event_shape, prior.num_components) == (2, (5,), 3)


class Falling(Schedule):
    """1 / (1 + step / pace)."""

    def __init__(self, pace: Annotated[float, Field(gt=0)] = 10.0) -> None:
        self.pace = pace

    def __call__(self, step):
        import tensorflow as tf

        return 1.0 / (1.0 + tf.cast(step, tf.float32) / self.pace)


def test_a_schedule_of_ones_own_weighs_a_kl(make_vae):
    register("falling")(Falling)
    vae = make_vae({"kind": "gaussian", "size": 2, "kl_weight": {"kind": "falling", "pace": 2.0}}, event_shape=(5,))
    assert float(vae.latent.kl_weight(2)) == pytest.approx(0.5)
    assert vae.latent.get_config()["kl_weight"]["registered_name"] == "parts>Falling"
    assert settings_of(Falling)(pace=1).pace == 1.0


@pytest.mark.parametrize(
    "arguments",
    [
        ["presets"],
        ["runs"],
        ["datasets"],
        ["train", "--set", "trainin.epochs=1"],
        ["train", "--config", "none.yaml"],
        ["--help"],
    ],
)
def test_what_needs_no_part_starts_no_tensorflow(arguments):
    code = (
        "import sys\nfrom vae_tf.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\nsys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_a_part_in_no_file_is_said_when_a_run_depends_on_it(tmp_path, capsys):
    register("needy")(Needy)
    settings = {"training.epochs": 1, "evaluation.num_samples": 2}
    x = np.random.default_rng(0).normal(size=(60, 3))
    for kind, is_said in (("needy", True), ("gaussian", False)):
        overrides = {**settings, "model.likelihood": {"kind": kind}, "model.network": {"kind": "mlp", "widths": [4]}}
        vae_tf.train(x, latent="gaussian:2", overrides=overrides, run_dir=tmp_path / kind)
        told = " ".join(capsys.readouterr().err.split())
        assert ("The likelihood needy is defined in this program (test_parts), in no file of parts" in told) == is_said
