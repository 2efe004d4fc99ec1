"""check_part: every promise that a part makes, by its slot."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras

from vae_tf.contract import augmentations, every, latents, likelihoods, networks, objectives, priors, schedules, sources
from vae_tf.contract.case import Case
from vae_tf.contract.finding import Finding, Promises, judge

__all__ = ["PROMISES", "check_made", "check_part"]

PROMISES: dict[str, Promises] = {
    "network": networks.PROMISES,
    "latent": latents.PROMISES,
    "prior": priors.PROMISES,
    "likelihood": likelihoods.PROMISES,
    "objective": objectives.PROMISES,
    "schedule": schedules.PROMISES,
    "augmentation": augmentations.PROMISES,
    "source": sources.PROMISES,
}
"""The promises of every slot, by name, beside those of all parts."""


def check_part(part: Any, argument: str | None = None) -> list[Finding]:
    """Check everything that a part promises.

    Instances are made of the part's own settings at their defaults (whole numbers made smaller where its rules allow it), on
    small made data that it suits.

    Args:
        part: a registered class.
        argument: `KIND:ARGUMENT` for a source, which loads nothing without.

    Returns:
        A finding a promise; where the part cannot even be made, only what that is due to.

    Example:
        >>> from vae_tf.parts.known import find
        >>> [finding.message for finding in check_part(find("schedule", "linear")) if finding.passed is False]
        []
    """
    return _check(Case(part, argument=argument), every.SETTINGS)


def check_made(make: Callable[[], Any]) -> list[Finding]:
    """Check what an instance promises that was made in another way than by its default settings.

    Args:
        make: gives a new instance, for examples of five values.

    Example:
        >>> from vae_tf.parts.known import find
        >>> [finding.message for finding in check_made(lambda: find("schedule", "constant")(0.5)) if finding.passed is False]
        []
    """
    return _check(Case(type(make()), make), {})


def _check(case: Case, first: Promises) -> list[Finding]:
    with _own_errors():
        found = [judge(name, check, case, case.part) for name, check in (first | every.MADE).items()]
        if any(finding.passed is False for finding in found if finding.promise in every.ESSENTIAL):
            return found
        rest = every.INSTANCE | PROMISES[case.part.slot]
        if case.is_by_settings and case.stand_in is not None:
            return [*found, Finding("promises of its slot", None, f"it only chooses another part, here {case.stand_in.kind}.")]
        found += [judge(name, check, case, case.part) for name, check in rest.items()]
        return found + every.left_to_the_base(case)


@contextmanager
def _own_errors() -> Iterator[None]:
    """Let errors in layers be what they are, and not Keras' account of them; no warnings on the side."""
    before = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if before:
            keras.config.enable_traceback_filtering()
