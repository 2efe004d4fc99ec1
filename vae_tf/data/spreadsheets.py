"""Spreadsheets of Excel and OpenDocument: one sheet, its first row the names of the columns."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from vae_tf.data.notes import Note
from vae_tf.data.raw_column import GAPS, TRUTH, number_text
from vae_tf.data.raw_table import Table, named, short_list
from vae_tf.errors import UserFileError, UserValueError, readable, reason_of

__all__ = ["SPREADSHEETS", "read_spreadsheet"]

SPREADSHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
"""How the names of files end that are spreadsheets."""
_MOST_EXACT = 2.0**53


def read_spreadsheet(path: Path, gaps: frozenset[str] = GAPS, wanted: str | None = None, is_asked: bool = True) -> Table:
    """Read a sheet of a spreadsheet: the first that can be seen, or another that is wanted.

    Its first row has the columns' names. Numbers, dates and truth values keep their types, empty cells and those of failed
    formulas are gaps; rows and columns without any cell are passed over.

    Args:
        path: the file.
        gaps: words that stand for an empty cell.
        wanted: name of the sheet.
        is_asked: whether there must be such a sheet; else the first that can be seen will do.

    Raises:
        UserFileError: it cannot be read, or has no table.
        UserValueError: there is no such sheet.
    """
    try:
        with path.open("rb") as file, CalamineWorkbook.from_filelike(file) as book:
            sheet, others = _sheets(book, path, wanted, is_asked)
            cells, first = sheet.to_python(), (sheet.start or (0, 0))[0] + 1
    except UserFileError:
        raise
    except (CalamineError, OSError, IndexError) as error:
        reason = reason_of(error)
        raise UserFileError(f"{path} must be a {path.suffix.lower()} file. Received: {reason}.") from error
    rows = [(first + number, row) for number, row in enumerate(cells) if any(cell != "" for cell in row)]
    if not rows:
        raise UserFileError(f"{path} must have a table on the sheet {sheet.name!r}. Received: an empty one.{_choose(others)}")
    lines, (header, *below) = [line for line, _ in rows], [row for _, row in rows]
    columns = [(_text(name), [row[place] for row in below]) for place, name in enumerate(header)]
    columns = [(name, found) for name, found in columns if name or any(cell != "" for cell in found)]
    names = list(named([name for name, _ in columns]))
    arrays = [_array(found, gaps) for _, found in columns]
    notes = tuple(_notes(path, sheet, others, lines))
    return Table(pa.Table.from_arrays(arrays, names), str(path), lambda row: f"row {lines[row + 1]}", gaps, notes)


def _sheets(book: CalamineWorkbook, path: Path, wanted: str | None, is_asked: bool) -> tuple[CalamineSheet, list[str]]:
    """Return the sheet that is wanted, or the first that can be seen; and the names of the others."""
    sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    seen = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible] or [sheet.name for sheet in sheets]
    names = [sheet.name for sheet in sheets]
    if not names:
        raise UserFileError(f"{readable(path)} must have a sheet of cells. Received: none.")
    if wanted is not None and wanted not in names and is_asked:
        raise UserValueError(f"data.sheet must name a sheet of {readable(path)}: {short_list(names)}. Received: {wanted!r}.")
    chosen = wanted if wanted in names else seen[0]
    return book.get_sheet_by_name(chosen), [name for name in names if name != chosen]


def _choose(others: list[str]) -> str:
    return f" data.sheet={others[0]!r} reads another." if others else ""


def _notes(path: Path, sheet: CalamineSheet, others: list[str], lines: list[int]) -> Iterator[Note]:
    if others:
        told = f"{path}: the sheet {sheet.name!r} was read. Others were not: {short_list(others)}."
        yield Note(f"{told}{_choose(others)}")
    blank = lines[-1] - lines[0] + 1 - len(lines)
    if blank:
        yield Note(f"{path}: empty rows between others were passed over: {blank:,}.")


def _array(cells: list[Any], gaps: frozenset[str]) -> pa.Array:
    """Return a column of one type: that of its cells, or texts where they have several."""
    found = [None if cell == "" else cell for cell in cells]
    typed = [None if isinstance(cell, str) and cell.strip() in gaps else cell for cell in found]
    types = {type(cell) for cell in typed if cell is not None}
    if not types:
        return pa.nulls(len(cells))
    if types <= {int, float}:
        return _numbers(typed)
    if types == {bool}:
        return pa.array(typed, pa.bool_())
    if types <= {date, datetime}:
        return _dates(typed, pa.date32() if types == {date} else pa.timestamp("us"))
    return pa.array([None if cell is None else _text(cell) for cell in found], pa.string())


def _numbers(cells: list[Any]) -> pa.Array:
    """Return numbers, as whole ones where all are such: a spreadsheet has no others than floats."""
    values = np.array([np.nan if cell is None else cell for cell in cells], np.float64)
    present = values[~np.isnan(values)]
    is_whole = bool((np.abs(present) < _MOST_EXACT).all() and (present == np.rint(present)).all())
    array = pa.array(values, from_pandas=True)
    return array.cast(pa.int64()) if is_whole else array


def _dates(cells: list[Any], kind: pa.DataType) -> pa.Array:
    is_day = pa.types.is_date(kind)
    whole = [
        cell if cell is None or is_day or isinstance(cell, datetime) else datetime(*cell.timetuple()[:3]) for cell in cells
    ]
    return pa.array(whole, kind)


def _text(cell: Any) -> str:
    """Write a cell as text."""
    if isinstance(cell, bool):
        return TRUTH[cell]
    if isinstance(cell, (int, float)):
        return number_text(cell)
    if isinstance(cell, (date, time)):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    return str(cell).strip() if not isinstance(cell, timedelta) else number_text(cell.total_seconds())
