"""Rows of a table as a person asks for them: as many as wanted, all with the cells that are given."""

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

import numpy as np

from vae_tf.data.dates import moment_text
from vae_tf.data.raw_column import number_text
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.evaluation.made_rows import draw_given, draw_rows, given_row, within_range
from vae_tf.models.vae import VAE

__all__ = ["AskedRows", "ask_rows"]

_FEW = 50
"""Effective candidates below which rows that were asked for given some cells repeat each other."""


class AskedRows(NamedTuple):
    """New rows.

    Attributes:
        raw: in raw units, [N, D].
        warning: what is to be told of them, or nothing.
    """

    raw: np.ndarray
    warning: str = ""


def ask_rows(
    vae: VAE, spec: DatasetSpec, z: Any, given: Mapping[str, Any], seed: tuple[int, int], beyond: bool = False
) -> AskedRows:
    """Draw rows of a table.

    Args:
        vae: the model.
        spec: its data, a table.
        z: one for every row, [N, size].
        given: cells that all rows have, by column: words, numbers, dates or their texts.
        seed: a stateless seed.
        beyond: whether numbers may leave the range of the training rows.

    Raises:
        UserValueError: `given` names no column or no cell of it, or the columns are all numbers.
    """
    if not given:
        return AskedRows(_within(spec, spec.to_raw(draw_rows(vae, z, seed)), beyond))
    if not spec.columns:
        raise UserValueError("Given cells need a run on a table with words or gaps. Received: one of numbers.")
    x, effective = draw_given(vae, given_row(spec, _texts(spec, given)), len(z), seed)
    is_rare = effective < min(_FEW, len(z))
    told = f"such rows are rare under the model: these were drawn from about {effective:.0f} different ones."
    return AskedRows(_within(spec, spec.to_raw(x), beyond), told if is_rare else "")


def _within(spec: DatasetSpec, raw: np.ndarray, beyond: bool) -> np.ndarray:
    return raw if beyond or not spec.columns else within_range(spec, raw)


def _texts(spec: DatasetSpec, given: Mapping[str, Any]) -> dict[str, str]:
    """Return cells as a table writes them."""
    forms = {column.name: column.date_format for column in spec.columns if column.is_date}
    return {name: _text(value, forms.get(name, "%Y-%m-%d")) for name, value in given.items()}


def _text(value: Any, form: str) -> str:
    if isinstance(value, date):
        return moment_text(value, form)
    is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return number_text(float(value)) if is_number and np.isfinite(value) else str(value)
