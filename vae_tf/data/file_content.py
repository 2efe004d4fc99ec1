"""Files of text: unpacked, in whatever encoding they are; what is another kind of file is refused by name."""

import codecs
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from vae_tf.data.notes import Note
from vae_tf.errors import UserFileError, readable, reason_of

__all__ = ["PACKED", "UTF_16", "Letters", "content_of", "file_of", "latin_note", "letters_of", "refuse_other_files", "unpacked"]

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How files begin whose letters have two bytes."""
PACKED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
"""How compressed files are unpacked, by suffix."""
_ODD_BYTES = {0x81, 0x8D, 0x8F, 0x90, 0x9D}
"""What Windows-1252 has no letters for."""
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROL = 0.01
"""Share of bytes that no text of letters has more of."""
_PIECE = 2**24
"""Bytes that are looked at at a time."""
_OTHERS = {
    b"PK\x03\x04": "a ZIP archive, as .xlsx, .ods, .docx and .npz files are. Name it so, or unpack it",
    b"\xd0\xcf\x11\xe0": "a file of Office, as .xls and .doc files are. Name it .xls, or save it as CSV or text",
    b"\x1f\x8b": "a file that gzip packed. Name it .gz",
    b"BZh": "a file that bzip2 packed. Name it .bz2",
    b"\x28\xb5\x2f\xfd": "a file that Zstandard packed. Name it .zst",
    b"\x04\x22\x4d\x18": "a file that LZ4 packed. Name it .lz4",
    b"\xfd7zXZ": "a file that xz packed. Unpack it",
    b"7z\xbc\xaf": "a 7z archive. Unpack it",
    b"Rar!": "a RAR archive. Unpack it",
    b"PAR1": "a Parquet file. Name it .parquet",
    b"ARROW1": "an Arrow file. Name it .arrow",
    b"\x93NUMPY": "a NumPy array. Read it with npz:PATH",
    b"\x89HDF": "an HDF5 file. Save its arrays with numpy.savez, its tables as CSV or Parquet",
    b"SQLite format 3": "an SQLite database. Write its table as CSV",
    b"$FL2": "an SPSS file. Save its table as CSV or Parquet",
    b"<stata_dta>": "a Stata file. Save its table as CSV or Parquet",
    b"HEADER RECORD*******": "a SAS transport file. Save its table as CSV or Parquet",
    b"%PDF": "a PDF document. Save its text or its tables as such",
    b"{\\rtf": "an RTF document. Save it as plain text",
    b"\x89PNG": "a picture. Read its folder with folder:PATH",
    b"\xff\xd8\xff": "a picture. Read its folder with folder:PATH",
    b"GIF8": "a picture. Read its folder with folder:PATH",
    b"\x7fELF": "a program",
    b"\x80\x04\x95": "a Python pickle, which is not read: it could run code. Save numbers with numpy.savez, tables as CSV",
}
"""How files begin that are no text, what they are, and what helps."""
_NO_TABLES = {
    rb"\A(?:\s*%[^\n]*\n)*\s*@relation\b": "an ARFF file of Weka. Save its table as CSV: scipy.io.arff reads it in "
    "Python; series of one number a step are read by npz:PATH",
    rb"\A(?:\s*#[^\n]*\n)*\s*@(?:problemname|timestamps|univariate|classlabel)\b": "a .ts file of series. Read it with "
    "npz:PATH, named .ts",
}
"""How texts begin, as patterns, that have tables of a form of their own, what they are, and what helps."""


def content_of(path: Path, what: str = "table") -> tuple[bytes, list[Note]]:
    """Return a file's content in UTF-8 without a byte order mark, and what is to be told of it.

    Args:
        path: the file; what its suffix says is compressed is unpacked.
        what: it must be.

    Raises:
        UserFileError: it cannot be read, or is no text.
    """
    try:
        with unpacked(path) as (stream, _):
            content = stream.read()
        is_wide = content.startswith(UTF_16)
        content = content.decode("utf-16").encode() if is_wide else content
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(path, what, reason_of(error)) from error
    refuse_other_files(path, content, what)
    if b"\0" in content:
        raise _zero(path, what, content.count(b"\n", 0, content.index(b"\0")) + 1)
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        codecs.utf_8_decode(content)
        return content, []
    except UnicodeDecodeError:
        num_control, is_odd = len(_CONTROL.findall(content)), not _ODD_BYTES.isdisjoint(content)
    name = _latin(path, what, num_control / len(content), is_odd)
    return content.decode(name).encode(), [latin_note(path)]


def _latin(path: Path, what: str, share_control: float, is_odd: bool) -> str:
    """Return the encoding of what is not UTF-8; refuse what is no text."""
    if share_control > _MOST_CONTROL:
        raise _refused(path, what, "bytes that are no letters in any of them")
    return "latin-1" if is_odd else "cp1252"


class Letters(NamedTuple):
    """What a file of text is written in.

    Attributes:
        encoding: as Python calls it.
        notes: what is to be told of that.
        num_quotes: bytes that are a double quote; of UTF-16 they are not counted.
    """

    encoding: str
    notes: tuple[Note, ...] = ()
    num_quotes: int = 0


def letters_of(path: Path, what: str = "table") -> Letters:
    """Look at the whole of a file of any length once, and return what it is written in: as `content_of` has it.

    Args:
        path: the file; what its suffix says is compressed is unpacked.
        what: it must be.

    Raises:
        UserFileError: it cannot be read, or is no text.
    """
    utf_8, is_utf_8, is_odd = codecs.getincrementaldecoder("utf-8")(), True, False
    name, lines, control, total, quotes = "utf-8", 0, 0, 0, 0
    try:
        with unpacked(path) as (stream, _):
            while piece := stream.read(_PIECE):
                if not total:
                    refuse_other_files(path, piece, what)
                    if piece.startswith(UTF_16):
                        return Letters("utf-16")
                    name = "utf-8-sig" if piece.startswith(codecs.BOM_UTF8) else name
                if b"\0" in piece:
                    raise _zero(path, what, lines + piece.count(b"\n", 0, piece.index(b"\0")) + 1)
                lines, total = lines + piece.count(b"\n"), total + len(piece)
                control, quotes = control + len(_CONTROL.findall(piece)), quotes + piece.count(b'"')
                is_odd = is_odd or not _ODD_BYTES.isdisjoint(piece)
                is_utf_8 = is_utf_8 and _goes_on(utf_8, piece)
    except OSError as error:
        raise _refused(path, what, reason_of(error)) from error
    if is_utf_8 and _goes_on(utf_8, b"", final=True):
        return Letters(name, num_quotes=quotes)
    return Letters(_latin(path, what, control / total, is_odd), (latin_note(path),), quotes)


def _goes_on(decoder: codecs.IncrementalDecoder, piece: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def unpacked(path: Path) -> Iterator[tuple[Any, Callable[[], int]]]:
    """Open a file, unpacked where its suffix says so, and give what tells how many of its bytes are read.

    Args:
        path: the file; its name may be of any bytes.
    """
    codec = PACKED.get(path.suffix.lower())
    with file_of(path) as file:
        yield (pa.CompressedInputStream(file, codec) if codec else file), file.tell


def file_of(path: Path) -> Any:
    """Open a file for Arrow, which takes no names that are not in UTF-8."""
    return pa.OSFile(os.fsencode(path))


def refuse_other_files(path: Path, beginning: bytes, what: str) -> None:
    """Check by its first bytes that a file is none of another kind.

    Args:
        path: the file.
        beginning: of its content.
        what: it must be.

    Raises:
        UserFileError: it is.
    """
    found = next((kind for mark, kind in _OTHERS.items() if beginning.startswith(mark)), None)
    if what == "table" and not found:
        found = next((kind for mark, kind in _NO_TABLES.items() if re.match(mark, beginning, re.IGNORECASE)), None)
    if found:
        raise _refused(path, what, found)


def latin_note(path: Path) -> Note:
    """Say that a file is not in UTF-8."""
    return Note(f"{readable(path)} is not in UTF-8: its letters were read as Latin-1 (Windows-1252).")


def _zero(path: Path, what: str, line: int) -> UserFileError:
    return _refused(path, what, f"bytes of zero, as no text has, the first on line {line:,}. Save it as UTF-8")


def _refused(path: Path, what: str, reason: str) -> UserFileError:
    return UserFileError(f"{readable(path)} must be a {what} in UTF-8, UTF-16 or Latin-1. Received: {reason}.")
