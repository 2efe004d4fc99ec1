"""The parts there are: those of the package, of installed packages, and of a user's own files."""

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from vae_tf.errors import UserValueError
from vae_tf.quiet import quiet_imports

__all__ = ["GROUP", "SLOTS", "Slot", "add", "all_parts", "class_named", "find", "kinds"]

GROUP = "vae_tf.parts"
"""Entry points of this group name modules of parts that an installed package adds."""


@dataclass(frozen=True)
class Slot:
    """A place that a part can take.

    Attributes:
        name: as messages and entry points call it.
        families: the package whose modules are the families, one each.
        base: dotted name of the class that every part of the slot is a subclass of.
        key: where in a configuration such parts stand.
        number: kind that a bare number stands for; None where a number means nothing.
    """

    name: str
    families: str
    base: str
    key: str
    number: str | None = None


_ALL = (
    Slot("network", "vae_tf.models.networks", "vae_tf.models.networks.base.Network", "model.network"),
    Slot("latent", "vae_tf.models.latents", "vae_tf.models.latents.base.Latent", "model.latents"),
    Slot("prior", "vae_tf.models.priors", "vae_tf.models.priors.base.Prior", "model.latents[0].prior"),
    Slot("likelihood", "vae_tf.models.likelihoods", "vae_tf.models.likelihoods.base.Likelihood", "model.likelihood"),
    Slot("objective", "vae_tf.objectives", "vae_tf.objectives.base.Objective", "objective"),
    Slot("schedule", "vae_tf.schedules", "vae_tf.schedules.base.Schedule", "training.learning_rate", number="constant"),
    Slot("augmentation", "vae_tf.data.augmentations", "vae_tf.data.augmentations.base.Augmentation", "training.augment[0]"),
    Slot("source", "vae_tf.data.sources", "vae_tf.data.source.Source", "data.dataset"),
)
SLOTS = {slot.name: slot for slot in _ALL}

_REGISTERED: dict[str, dict[str, Any]] = {name: {} for name in SLOTS}


def add(slot: str, kind: str, part: Any) -> None:
    """Make a class known; `vae_tf.parts.register` is the way to do it."""
    _REGISTERED[slot][kind] = part


def kinds(slot: str) -> dict[str, Any]:
    """Return the parts of a slot by kind, sorted; the first call imports TensorFlow.

    Example:
        >>> list(kinds("prior"))
        ['auto', 'diagonal', 'full_mixture', 'mixture', 'standard', 'vamp']
    """
    _import_families(slot)
    _import_installed()
    return dict(sorted(_REGISTERED[slot].items()))


def find(slot: str, kind: str) -> Any:
    """Return the class of a kind.

    Raises:
        UserValueError: there is no such kind.

    Example:
        >>> find("likelihood", "bernoulli").__name__
        'BernoulliLikelihood'
    """
    known = kinds(slot)
    if kind not in known:
        raise UserValueError(f"There is no {slot} {kind!r}; known: {', '.join(known)}.")
    return known[kind]


def class_named(name: str, *slots: str) -> Any:
    """Return a part of some slots by the name of its class: what a package's `__getattr__` gives.

    Raises:
        AttributeError: there is none.

    Example:
        >>> class_named("MixturePrior", "prior").kind
        'mixture'
    """
    is_class = name[:1].isupper()
    found = [part for slot in slots if is_class for part in kinds(slot).values() if part.__name__ == name]
    if not found:
        raise AttributeError(f"There is no part {name!r}.")
    return found[0]


def all_parts() -> dict[str, Any]:
    """Return every part by its slot and kind, such as `network mlp`."""
    return {f"{slot} {kind}": part for slot in SLOTS for kind, part in kinds(slot).items()}


@cache
def _import_families(slot: str) -> None:
    with quiet_imports():
        package = importlib.import_module(SLOTS[slot].families)
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


@cache
def _import_installed() -> None:
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:  # somebody else's package: it must not take every command with it unsaid
            where = f"{point.value} of {point.dist.name}" if point.dist else point.value
            raise UserValueError(
                f"The installed parts {where} cannot be imported: {type(error).__name__}: {error}. "
                "Mend or uninstall that package."
            ) from error
