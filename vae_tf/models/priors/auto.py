"""The prior that suits the data best."""

from typing import Any

from vae_tf.data.spec import MANY_ROWS
from vae_tf.models.priors.standard import StandardPrior
from vae_tf.parts.registry import register
from vae_tf.parts.settings import read

__all__ = ["AutoPrior"]

_ROWS_A_WEIGHT = 5
_MOST_COMPONENTS = 24
_OF_CELLS = 64


@register("auto")
class AutoPrior(StandardPrior):
    """`full_mixture` for tables with rows enough for two groups or more, `mixture` for many mixed rows, else `standard`.

    By itself, where no data are known, it is the standard normal.
    """

    is_auto = True

    @classmethod
    def settle(cls, settings: Any, data: Any) -> Any:
        """Return the settings of the prior that suits the data best."""
        if data.is_mixed and data.num_train >= MANY_ROWS:
            return read("prior", {"kind": "mixture", "num_components": _OF_CELLS})
        components = _components(data)
        return read("prior", {"kind": "full_mixture", "num_components": components} if components > 1 else "standard")

    @classmethod
    def because(cls, data: Any) -> str:
        """Return the reason."""
        if data.is_mixed and data.num_train >= MANY_ROWS:
            return "rows fall into groups"
        if not data.is_real_rows:
            return "codes have one scale"
        return "starts at the groups that a mixture finds" if _components(data) > 1 else "few rows: no groups can be told"


def _components(data: Any) -> int:
    """Return how many groups the rows could tell apart; 1 of what is no table."""
    return min(_MOST_COMPONENTS, data.num_train // (_ROWS_A_WEIGHT * (data.num_dims + 1))) if data.is_real_rows else 1
