"""Column: what a model and a client must know of one column of a table, without the table."""

import math
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

__all__ = ["KINDS", "OTHER", "Column", "ColumnKind", "Facts"]

ColumnKind = Literal["real", "count", "ordinal", "category", "date"]


class Facts(NamedTuple):
    """What is so of all columns of a kind.

    Attributes:
        is_category: cells are words.
        is_date: cells are dates.
        is_whole: cells are whole numbers.
        lowest: the least number that there can be.
    """

    is_category: bool = False
    is_date: bool = False
    is_whole: bool = False
    lowest: float = -math.inf


KINDS: dict[ColumnKind, Facts] = {
    "real": Facts(),
    "count": Facts(is_whole=True, lowest=0.0),
    "ordinal": Facts(is_whole=True),
    "category": Facts(is_category=True),
    "date": Facts(is_date=True),
}
OTHER = "(other)"
"""The word that stands for those that a category does not know, or that are too rare."""


class Column(BaseModel):
    """One column: how its cells become numbers and numbers become cells; a frozen value that is saved with the run.

    Of a category the number is that of the word; of a date it is seconds since 1970; else it is the cell's own. A gap is NaN.

    Attributes:
        name: as the table has it.
        kind: `real` numbers, `count`s (whole, from 0 on), `ordinal` (few whole numbers), `category` (words), `date`.
        words: of a category, by number; the last is `(other)`.
        decimals: digits behind the point that cells are written with; None: as many as they need.
        date_format: how dates are written, as `strftime` has it; empty for other kinds.
        number_form: of numbers with a unit or marks between thousands, how 1234.5 is written, such as `$1,234.5`; else empty.
        date_step: seconds that all training dates are multiples of: those of a day, an hour, a minute, a second; else 0.
        is_typed: of dates, whether the table had them as such, and not as texts.
        low: least training value; 0 for categories.
        high: greatest training value; of categories the number of the last word.
        num_values: different training values.
        num_cells: training cells that are no gaps.
        num_rows: training rows.

    Example:
        >>> column = Column(name="size", kind="category", words=("small", "large", OTHER), high=2, num_cells=6, num_rows=8)
        >>> column.is_category, column.missing
        (True, 0.25)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: ColumnKind
    words: tuple[str, ...] = ()
    decimals: int | None = None
    date_format: str = ""
    date_step: float = 0.0
    number_form: str = ""
    is_typed: bool = False
    low: float = 0.0
    high: float = 0.0
    num_values: int = 0
    num_cells: int = 0
    num_rows: int = 0

    @property
    def is_category(self) -> bool:
        """Whether cells are words."""
        return bool(self.words)

    @property
    def is_date(self) -> bool:
        """Whether cells are dates."""
        return KINDS[self.kind].is_date

    @property
    def is_whole(self) -> bool:
        """Whether cells are whole numbers."""
        return KINDS[self.kind].is_whole

    @property
    def missing(self) -> float:
        """Share of the training rows that have a gap here."""
        return (self.num_rows - self.num_cells) / self.num_rows if self.num_rows else 0.0
