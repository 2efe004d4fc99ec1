"""Which columns of a table are inputs, and what they are: by their cells, by the configuration, or as a run knows them."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from vae_tf.config import DataConfig
from vae_tf.data.column_kinds import Drop, Guess, guess_kind, is_index, names_identifier
from vae_tf.data.columns import KINDS, OTHER, Column
from vae_tf.data.dates import find_date_format
from vae_tf.data.notes import Note, date_notes, few, listed
from vae_tf.data.number_forms import forms_of_numbers
from vae_tf.data.raw_table import Table, short_list
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError

__all__ = ["Chosen", "as_known", "choose_columns", "describe_rows", "known_columns"]

_DROP = "drop"
_LOOKED_AT, _MOSTLY, _MANY_WORDS = 200, 0.5, 13
"""Of columns of words: how many are looked at for numbers among them; of which share that is said; of how many words on."""
_MOST_WHOLE = 100
"""Inputs up to which columns of few whole numbers make a table one of several kinds: pixels and counts of words are more."""
_KEEP = " data.columns.NAME=real, count, ordinal, category or date keeps one."


class Chosen(NamedTuple):
    """What is learned of a table.

    Attributes:
        columns: the inputs, with all words that the table has of each.
        is_mixed: whether they have words, dates, gaps or few whole numbers, or somebody said what they are.
        dropped: why others are left out, by name.
        notes: what is to be told of it.
    """

    columns: tuple[Column, ...]
    is_mixed: bool
    dropped: Mapping[str, Drop] = {}
    notes: tuple[Note, ...] = ()

    @property
    def names(self) -> list[str]:
        """The inputs' names."""
        return [column.name for column in self.columns]


def choose_columns(table: Table, config: DataConfig, others: Collection[str | None]) -> Chosen:
    """Choose the inputs of a table: what the configuration names, and what has something to learn.

    Args:
        table: training rows, and others that were not set aside yet.
        config: its `columns`; of `counts` and rows in time all are numbers.
        others: columns that are no inputs: of labels and groups.

    Raises:
        UserValueError: the configuration names columns that are not there, or nothing is left.
    """
    asked = config.columns or {}
    names = [name for name in table.names if name not in others]
    _check_asked(asked, names, table, config)
    guesses = {name: _guess(table, name, asked.get(name), config) for name in names}
    kept = {name: guess for name, guess in guesses.items() if not guess.drop}
    said = any(asked.get(name) for name in kept)
    is_wide = len(kept) > _MOST_WHOLE
    is_mixed = not _is_plain(config) and (said or any(_is_mixed(table, name, guess, is_wide) for name, guess in kept.items()))
    if not kept:  # where all is constant, or numbered, there is nothing else
        kept = {name: guess for name, guess in guesses.items() if _is_better_than_nothing(table, name, guess)}
    if not kept:
        left_out = short_list(f"{name or 'the first'} ({guess.drop})" for name, guess in guesses.items()) or "no column"
        others = " and ".join(what for what, name in (("label", config.label_column), ("group", config.group)) if name)
        cure = _KEEP if len(table.names) > 1 else " Cells are told apart by commas, semicolons, tabs or |."
        raise UserValueError(
            f"{table.source} must have a column to learn{f' besides the {others}' if others else ''}. "
            f"Received: {left_out}.{cure}"
        )
    dropped = {name: guess.drop for name, guess in guesses.items() if name not in kept}
    columns = tuple(_column(table, name, guess) for name, guess in kept.items())
    told = _whole_numbers(columns) if is_wide and not (is_mixed or _is_plain(config)) else ()
    return Chosen(columns, is_mixed, dropped, (*_notes(table, columns, dropped), *told))


def describe_rows(tables: Mapping[str, Table], chosen: Chosen, config: DataConfig) -> Iterator[Note]:
    """Say how many rows and columns there are, and what the columns are.

    Args:
        tables: of every split there is.
        chosen: the inputs among the columns.
        config: the columns of labels and groups.
    """
    kinds = listed(Counter(column.kind for column in chosen.columns))
    others = {"the label": config.label_column, "the group": config.group}
    said = [f"{len(chosen.columns):,} inputs ({kinds})", *(f"{what} {name!r}" for what, name in others.items() if name)]
    said += [f"{len(chosen.dropped):,} left out"] if chosen.dropped else []
    for table in tables.values():
        yield Note(f"{table.source}: {table.num_rows:,} rows of {len(table.names):,} columns: {', '.join(said)}.")


def _check_asked(asked: Mapping[str, str], names: list[str], table: Table, config: DataConfig) -> None:
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise UserValueError(
            f"data.columns must name inputs of {table.source}: {short_list(names)}. Received: {', '.join(map(repr, unknown))}."
        )
    as_ever = {_DROP, "real"} if config.window else {_DROP}
    kinds = [name for name, use in asked.items() if use not in as_ever]
    if kinds and _is_plain(config):
        setting = "data.counts" if config.counts else "data.window"
        raise UserValueError(
            f"data.columns does not go with {setting}, but for {' and '.join(sorted(as_ever))}. Received: "
            f"data.columns.{kinds[0]}={asked[kinds[0]]}. Leave one of them out."
        )


def _is_plain(config: DataConfig) -> bool:
    """Return whether all columns are numbers of one kind: counts, or rows in time."""
    return bool(config.counts or config.window)


def _guess(table: Table, name: str, asked: str | None, config: DataConfig) -> Guess:
    if asked == _DROP:
        return Guess("real", "data.columns")
    if asked == "date":
        return Guess("date", "", table.column(name).date_format or find_date_format(_texts(table, name), asked=True))
    if asked:
        return Guess(asked)  # type: ignore[arg-type]
    if is_index(table, name):
        return Guess("real", "index")
    if _is_plain(config):
        is_constant = not config.counts and table.column(name).numbers is not None and len(table.column(name).different) == 1
        return Guess("real", "constant" if is_constant and not table.column(name).is_gap.any() else "")
    return guess_kind(table, name)


def _texts(table: Table, name: str) -> list[str]:
    return table.column(name).distinct_texts


def _is_mixed(table: Table, name: str, guess: Guess, is_wide: bool) -> bool:
    """Return whether a column makes its table one of several kinds: few whole numbers have probabilities and no density."""
    facts = KINDS[guess.kind]
    raw = table.column(name)
    is_whole = facts.is_whole and not is_wide
    return facts.is_category or facts.is_date or is_whole or bool(raw.number_form) or bool(raw.is_gap.any())


def _is_better_than_nothing(table: Table, name: str, guess: Guess) -> bool:
    """Return whether numbers that are constant, or number the rows, can be learned for want of others."""
    column = table.column(name)
    is_numeric = column.numbers is not None and not column.date_format
    return is_numeric and (guess.drop == "constant" or (guess.drop == "identifier" and not names_identifier(name)))


def _column(table: Table, name: str, guess: Guess) -> Column:
    """Return a column with all words that the table has."""
    words = tuple(word for word in _texts(table, name) if word != OTHER) if KINDS[guess.kind].is_category else ()
    is_typed = KINDS[guess.kind].is_date and bool(table.column(name).date_format)
    words = (*words, OTHER) if words else ()
    form = "" if words or KINDS[guess.kind].is_date else table.column(name).number_form
    return Column(name=name, kind=guess.kind, words=words, date_format=guess.date_format, number_form=form, is_typed=is_typed)


def _notes(table: Table, columns: tuple[Column, ...], dropped: Mapping[str, Drop]) -> Iterator[Note]:
    told = [f"{name or 'the first, without a name'} ({why})" for name, why in dropped.items()]
    if told:
        yield Note(f"Columns left out: {short_list(told)}.{_KEEP if any(dropped) else ''}")
    names = {name: f"the column is left out ({why})" for name, why in dropped.items() if why in ("identifier", "free text")}
    names |= {column.name: "they are words now" for column in columns if len(column.words) > _MANY_WORDS}
    yield from _numbers_as_words(table, names)
    for column in columns:
        if column.is_date and not column.is_typed:
            yield from date_notes(column.name, _texts(table, column.name), column.date_format)
        if not (column.is_date or column.is_category) and _may_be_days(table, column.name):
            yield Note(
                f"Column {column.name!r}: numbers such as 20240131 may be dates. data.columns.{column.name}=date reads them so."
            )


def _whole_numbers(columns: tuple[Column, ...]) -> Iterator[Note]:
    """Say where columns of whole numbers are learned as measurements: there are too many of them."""
    whole = [column.name for column in columns if column.is_whole]
    if whole:
        yield Note(
            f"Whole numbers of few values are learned as measurements, by a density, as {len(columns):,} columns may be pixels"
            f": {few(whole)}. data.columns.{whole[0]}=ordinal takes every column as what it is."
        )


def _numbers_as_words(table: Table, names: Mapping[str, str]) -> Iterator[Note]:
    """Say which columns are mostly numbers that are written in several ways, and so were taken for words."""
    for name, taken_for in names.items():
        if table.column(name).is_code or table.column(name).numbers is not None:
            continue
        texts = _texts(table, name)[:_LOOKED_AT]
        forms = forms_of_numbers(texts)
        if len(forms) >= _MOSTLY * len(texts):
            examples = few([*{form: text for text, form in forms.items()}.values()])
            yield Note(
                f"{table.source}: of the cells of column {name!r} that were looked at {len(forms):,} of {len(texts):,} are "
                f"numbers ({examples}), and {taken_for}. Write all in one way, and gaps as empty cells, to have numbers.",
                is_warning=True,
            )


def _may_be_days(table: Table, name: str) -> bool:
    """Return whether all numbers are years, months and days of our times."""
    raw = table.column(name)
    if raw.numbers is None or raw.codes is not None or not raw.distinct:
        return False
    found = np.array(raw.distinct)
    is_of_our_times = bool((found == np.rint(found)).all()) and 19000101 <= found[0] <= found[-1] <= 20991231
    return is_of_our_times and bool(find_date_format(_texts(table, name), asked=True))


def as_known(table: Table, known: DatasetSpec | None = None) -> Table:
    """Return a table whose columns have the names that a run knows them by; one without a name is called by its number.

    Args:
        table: as it was read.
        known: the data that the run was trained on, if there is one.
    """
    features = known.feature_names if known else ()
    spellings = {name.strip(): name for name in features}
    names = [name if name in features else spellings.get(name.strip(), name) for name in table.names]
    if names[:1] == [""] and ("column_0" in features if known else not is_index(table, "")):
        names[0] = "column_0"
    if names == table.names:
        return table
    return table.renamed(names)


def known_columns(tables: Mapping[str, Table], known: DatasetSpec, others: Collection[str | None]) -> Chosen:
    """Choose the inputs that a run has, in its order; words are those of the tables.

    Args:
        tables: of all splits.
        known: the data that the run was trained on.
        others: columns that are no inputs: of labels and groups.

    Raises:
        UserValueError: a column is missing.
    """
    features = known.feature_names
    for table in tables.values():
        missing = [name for name in features if name not in table.names]
        if missing:
            raise UserValueError(
                f"{table.source} must have the columns of the training data: {short_list(features)}. "
                f"Received: {short_list(table.names)}, without {short_list(missing)}."
            )
    train = tables["train"]
    extra = [name for name in train.names if name not in features and name not in others and not is_index(train, name)]
    notes = (Note(f"{train.source}: the model has no use for these columns: {short_list(extra)}."),) if extra else ()
    columns = known.columns or tuple(Column(name=name, kind="real") for name in features)
    return Chosen(tuple(_with_words(column, tables) for column in columns), bool(known.columns), notes=notes)


def _with_words(column: Column, tables: Mapping[str, Table]) -> Column:
    if not column.is_category:
        return column
    words = {word: None for table in tables.values() for word in _texts(table, column.name) if word != OTHER}
    return column.model_copy(update={"words": (*words, OTHER)})
