"""Spreadsheets, each made by hand of the little XML that makes one."""

import zipfile
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pytest

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.file_reading import FileReading
from vae_tf.data.raw_column import GAPS
from vae_tf.data.row_files import rows_of_file
from vae_tf.data.table_files import read_table
from vae_tf.errors import UserFileError, UserValueError

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_OPEN = "urn:oasis:names:tc:opendocument:xmlns"


def _of_excel(number, cell):
    """Return a cell: of a pair the first is its style, 1 for a day and 2 for a moment."""
    place = "ABCDEFGH"[number]
    if cell is None:
        return ""
    if isinstance(cell, str):
        return f'<c r="{place}{{row}}" t="inlineStr"><is><t>{escape(cell)}</t></is></c>'
    if isinstance(cell, bool):
        return f'<c r="{place}{{row}}" t="b"><v>{int(cell)}</v></c>'
    style, value = cell if isinstance(cell, tuple) else (0, cell)
    return f'<c r="{place}{{row}}" s="{style}"><v>{value}</v></c>'


def write_xlsx(path, **sheets):
    """Write rows of numbers, words, truth values, dates (style, days since 1899-12-30) and gaps."""
    names = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(sheets, 1))
    targets = "".join(
        f'<Relationship Id="r{n}" Type="{_OFFICE}/worksheet" Target="worksheets/s{n}.xml"/>' for n in range(1, len(sheets) + 1)
    )
    styles = '<numFmts count="0"/><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/></cellXfs>'
    root = f'<Relationship Id="r" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("_rels/.rels", f'<Relationships xmlns="{_PACKAGE}">{root}</Relationships>')
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{names}</sheets></workbook>'
        )
        archive.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{_PACKAGE}">{targets}</Relationships>')
        archive.writestr("xl/styles.xml", f'<styleSheet xmlns="{_MAIN}">{styles}</styleSheet>')
        for number, rows in enumerate(sheets.values(), 1):
            lines = ["".join(_of_excel(place, cell) for place, cell in enumerate(row)) for row in rows]
            body = "".join(f'<row r="{n}">{line.replace("{row}", str(n))}</row>' for n, line in enumerate(lines, 1))
            sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData></worksheet>'
            archive.writestr(f"xl/worksheets/s{number}.xml", sheet)
    return path


def write_ods(path, rows):
    """Write rows of numbers, words, dates as (ISO 8601,) and gaps."""

    def of(cell):
        if cell is None:
            return "<table:table-cell/>"
        if isinstance(cell, tuple):
            return f'<table:table-cell office:value-type="date" office:date-value="{cell[0]}"/>'
        if isinstance(cell, str):
            return f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'
        return f'<table:table-cell office:value-type="float" office:value="{cell}"/>'

    body = "".join(f"<table:table-row>{''.join(map(of, row))}</table:table-row>" for row in rows)
    spaces = " ".join(f'xmlns:{name}="{_OPEN}:{name}:1.0"' for name in ("office", "table", "text"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="one">{body}</table:table></office:spreadsheet></office:body></office:document-content>',
        )
    return path


HEADER = ["", "kind", "size", "count", "day", "moment", "is in", None]
ROWS = [
    [1, "red", 1.5, 3, (1, 43831), (2, 43831.5), True, None],
    [2, "NA", None, 4, (1, 43832), (2, 43832.25), False, None],
    [None] * 8,
    [3, "blue", 2.25, None, None, None, None, None],
    [None] * 8,
]


def test_cells_of_excel_keep_their_types_and_empty_rows_and_columns_are_passed_over(tmp_path):
    table = read_table(write_xlsx(tmp_path / "it.xlsx", data=[HEADER, *ROWS], old=[["x"]], more=[["y"]]))
    assert table.names == ["", "kind", "size", "count", "day", "moment", "is in"] and table.num_rows == 3
    types = [pa.int64(), pa.string(), pa.float64(), pa.int64(), pa.date32(), pa.timestamp("us"), pa.bool_()]
    assert table.columns.schema.types == types
    assert table.column("kind").words.tolist() == ["red", None, "blue"]
    assert table.column("count").texts.tolist() == ["3", "4", None]
    assert table.column("day").numbers[:2].tolist() == [1577836800.0, 1577923200.0]
    assert table.column("moment").date_format == "%Y-%m-%d %H:%M:%S"
    assert table.place(2) == "row 5"
    told = " ".join(note.text for note in table.notes)
    assert "'data' was read" in told and "old, more" in told and "passed over: 1" in told


def test_open_document_is_read_alike(tmp_path):
    rows = [["kind", "day", 2020], ["red", ("2020-01-01",), 1], ["blue", None, 2.5]]
    table = read_table(write_ods(tmp_path / "it.ods", rows))
    assert table.names == ["kind", "day", "2020"] and not table.notes
    assert table.columns.schema.types == [pa.string(), pa.date32(), pa.float64()]


@pytest.mark.parametrize(
    ("cells", "kind", "read"),
    [
        ([3, "NA", 4], pa.int64(), [3, None, 4]),
        ([3, "none", 4], pa.string(), ["3", "none", "4"]),
        ([True, 2, None], pa.string(), ["True", "2", None]),
        ([(1, 43831), (2, 43831.5), None], pa.timestamp("us"), None),
        ([2**60, 1, None], pa.float64(), [2.0**60, 1.0, None]),
    ],
)
def test_a_column_of_several_types_is_one_of_words_but_for_gaps(tmp_path, cells, kind, read):
    column = read_table(write_xlsx(tmp_path / "it.xlsx", data=[["a", "b"], *([cell, 1] for cell in cells)])).columns["a"]
    assert column.type == kind
    assert read is None or column.to_pylist() == read


def test_a_spreadsheet_is_a_data_set_like_any_other(tmp_path):
    rng = np.random.default_rng(0)
    rows = [["red" if n % 2 else "blue", round(rng.normal(), 2), (1, 43831 + n % 7)] for n in range(40)]
    path = write_xlsx(tmp_path / "it.xlsx", data=[["kind", "size", "day"], *rows])
    spec = load_dataset(DataConfig(dataset=f"csv:{path}")).spec
    assert [column.kind for column in spec.columns] == ["category", "real", "date"]


@pytest.mark.parametrize("content", [b"", b"kind,size\nred,1\n", b"PK\x03\x04 and no more"])
@pytest.mark.parametrize("suffix", [".xlsx", ".xls", ".xlsb", ".ods"])
def test_what_is_no_spreadsheet_is_one_line(tmp_path, suffix, content):
    path = tmp_path / f"it{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserFileError, match=rf"it\{suffix} must be a \{suffix} file\. Received: [^\n]+\.$"):
        read_table(path)


def test_an_empty_sheet_and_a_form_that_is_not_read_say_so(tmp_path):
    with pytest.raises(UserFileError, match=r"on the sheet 'data'\. Received: an empty one"):
        read_table(write_xlsx(tmp_path / "it.xlsx", data=[]))
    with pytest.raises(UserFileError, match="Save it as CSV"):
        read_table(tmp_path / "it.numbers", GAPS)


def test_another_sheet_is_read_where_that_is_wanted(tmp_path):
    rows = {
        name: [["size", "word"], *([one + n / 7, "xy"[n % 2]] for n in range(40))] for name, one in (("one", 0), ("two", 100))
    }
    path = write_xlsx(tmp_path / "it.xlsx", **rows)
    first = load_dataset(DataConfig(dataset=f"csv:{path}"))
    told = [note.text for note in first.notes]
    assert f"{path}: the sheet 'one' was read. Others were not: two. data.sheet='two' reads another." in told
    assert first.split("train").x[:, 0].max() < 100
    other = load_dataset(DataConfig(dataset=f"csv:{path}", sheet="two"))
    assert other.split("train").x[:, 0].min() >= 100
    with pytest.raises(UserValueError, match=r"data\.sheet must name a sheet of .*it\.xlsx: one, two\. Received: 'three'"):
        load_dataset(DataConfig(dataset=f"csv:{path}", sheet="three"))
    known = load_dataset(DataConfig(dataset=f"csv:{path}", sheet="three"), other.spec)  # of new data the first will do
    assert known.split("train").x[:, 0].max() < 100


def test_a_sheet_of_what_has_none_is_refused(tmp_path, write_csv):
    with pytest.raises(UserValueError, match=r"data\.sheet goes with spreadsheets"):
        load_dataset(DataConfig(dataset=write_csv("a,b\n1,x\n" * 9), sheet="one"))
    with pytest.raises(UserValueError, match=r"data\.sheet does not go with digits"):
        load_dataset(DataConfig(dataset="digits", sheet="one"))


def test_rows_are_of_the_sheet_of_the_model_and_the_others_are_told(tmp_path):
    path, told = write_xlsx(tmp_path / "book.xlsx", first=[["a"], [1]], second=[["a"], [2]]), []
    assert list(rows_of_file(path, FileReading(sheet="second"), told.append)) == [{"a": 2}]
    assert [note.text for note in told] == [
        f"{path}: the sheet 'second' was read. Others were not: first. data.sheet='first' reads another."
    ]
    assert list(rows_of_file(path, FileReading(sheet="gone"))) == [{"a": 1}]


def test_the_sheet_is_kept_with_the_model(tmp_path):
    rows = [["a", "b"], *([number, number % 7] for number in range(60))]
    path = write_xlsx(tmp_path / "book.xlsx", first=[["z"], [1]], second=rows)
    spec = load_dataset(DataConfig(dataset=f"csv:{path}", sheet="second")).spec
    assert FileReading.of(spec.model_dump()).sheet == "second"
