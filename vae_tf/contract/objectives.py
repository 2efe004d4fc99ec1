"""What an objective promises: it says which latents it is for, and trains a model of those."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.contract.case import Case, model_of
from vae_tf.contract.finding import Promises, leave_out, require
from vae_tf.contract.made import SPECS, default_settings, examples, shrunk
from vae_tf.contract.training import check_saved, check_step
from vae_tf.models.latents.joint import JointLatent
from vae_tf.parts.known import kinds
from vae_tf.parts.settings import build

__all__ = ["PROMISES"]

_SPEC = SPECS[0]


def _latents() -> Iterator[Any]:
    """Give a small block of every kind, and two in one."""
    made = [build("latent", shrunk(default_settings(part), 1), _SPEC, seed=5) for part in kinds("latent").values()]
    yield from made
    together = [block for block in made if block.place == "any"]
    relaxed = next(block for block in together if block.is_relaxed)
    yield JointLatent([next(block for block in together if not block.is_relaxed), relaxed])


def _refusal(objective: Any, latent: Any) -> str | None:
    """Return why an objective is not for a latent; None where it is."""
    try:
        objective.check(latent)
    except ValueError as error:
        require(str(error), "check raises a ValueError without a message: say what the objective needs.")
        return str(error)
    return None


def _fit(case: Case) -> None:
    refusals = [_refusal(case.instance, latent) for latent in _latents()]
    require(None in refusals, f"check refuses every latent there is, at last with: {refusals[-1]}")
    leave_out(not any(refusals), "check refuses no latent.")


def _steps(case: Case) -> None:
    for latent in _latents():
        objective = case.make()
        if _refusal(objective, latent) is None:
            vae = _model(latent, objective)
            try:
                check_step(vae, _inputs(vae))
            except Exception as error:
                blocks = ", ".join(block.name for block in latent.blocks())
                error.args = (f"with {blocks}: {error} (If it is not for such blocks, let `check` raise a ValueError.)",)
                raise


def _model(latent: Any, objective: Any) -> Any:
    vae = model_of(_SPEC, latent=latent, objective=objective)
    vae.start(_Examples())
    return vae


class _Examples:
    """Training examples that objectives and priors may start from."""

    def random(self, count: int, *purpose: str) -> np.ndarray:
        return examples(_SPEC, count)

    def labelled(self, count: int) -> tuple[np.ndarray, np.ndarray, bool]:
        return examples(_SPEC, count), np.arange(count) % 2, False


def _inputs(vae: Any) -> Any:
    x = tf.constant(examples(_SPEC))
    return (x, tf.constant(np.arange(len(x)) % 3)) if vae.latent.num_labels else x


def _saved(case: Case) -> None:
    fit = next((latent for latent in _latents() if _refusal(case.instance, latent) is None), None)
    leave_out(fit is None, "it is for no latent there is.")
    check_saved(_InModel(case, fit))


class _InModel(Case):
    """An objective's case with a latent that it is for."""

    def __init__(self, case: Case, latent: Any) -> None:
        super().__init__(case.part, case.make)
        self.latent_config = type(latent), latent.get_config()

    def model(self, run_eagerly: bool = True) -> Any:
        """Return a new model."""
        latent, config = self.latent_config
        vae = _model(latent.from_config(config), self.make())
        vae.compile(optimizer="sgd", run_eagerly=run_eagerly)
        return vae


PROMISES: Promises = {
    "says which latents it is for": _fit,
    "training steps are finite": _steps,
    "a saved model is the same": _saved,
}
