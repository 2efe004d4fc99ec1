"""Texts as people have them: files of lines, of JSON objects, folders of one text a file; what is done to each is counted."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from vae_tf.config import DataConfig
from vae_tf.data.file_content import PACKED, content_of
from vae_tf.data.file_search import find_files, suffix_of
from vae_tf.data.notes import Note, few, listed
from vae_tf.data.split_folders import SPLIT_NAMES, are_splits, by_split
from vae_tf.errors import UserFileError, UserValueError, readable

__all__ = ["Normalization", "Texts", "clean_text", "clean_texts", "read_texts", "split_lines"]

Normalization = Literal["NFC", "NFKC", "none"]
_JSON_LINES = (".jsonl", ".ndjson")
_FILES = (".txt", ".text", ".md")


class Texts(NamedTuple):
    """Texts, clean and none of them empty.

    Attributes:
        texts: by split; `train` alone where nothing divides them.
        notes: what is to be told of how they were read.
        names: of the files they are from, by split; empty where several are from one.
        places: of every text among those that were given, by split.
    """

    texts: dict[str, list[str]]
    notes: tuple[Note, ...] = ()
    names: Mapping[str, Sequence[str]] = {}
    places: Mapping[str, Sequence[int]] = {}


@dataclass
class _Account:
    """What became of texts."""

    total: int = 0
    empty: int = 0
    spaced: int = 0
    composed: int = 0

    def told(self, source: str, noun: str, form: Normalization) -> Note:
        done = [f"{self.empty:,} empty left out"] if self.empty else []
        done += [f"in {self.spaced:,} white space became single spaces"] if self.spaced else []
        done += [f"{self.composed:,} rewritten to {form} (data.normalization)"] if self.composed else []
        used = f"{self.total - self.empty:,} of {self.total:,} {noun} used"
        return Note("; ".join([f"{source}: {used}", *done]) + ".")


def clean_text(text: str, normalization: Normalization) -> str:
    r"""Return a text as a model reads it: in one Unicode form, white space as single spaces, none around it.

    Args:
        text: any.
        normalization: `NFC`, `NFKC`, or `none`.

    Raises:
        UserValueError: it has half of a character (a surrogate alone).

    Example:
        >>> clean_text(" a\tcafe\u0301 ", "NFC") == "a caf\u00e9"
        True
    """
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UserValueError(
                f"Texts must be of whole characters. Received: half of one ({text[error.start]!r}) in "
                f"{text[max(0, error.start - 20) : error.start + 20]!r}. Decode the bytes by their own encoding."
            ) from error
        text = text if normalization == "none" else unicodedata.normalize(normalization, text)
    return " ".join(text.split())


def clean_texts(texts: Mapping[str, Iterable[str]], config: DataConfig, noun: str = "texts") -> Texts:
    """Clean texts, leave out empty ones, and say how many of which.

    Args:
        texts: by split.
        config: its `normalization`; the dataset's name is what they are called.
        noun: what one of them is, in the plural.
    """
    account, form = _Account(), config.normalization
    clean: dict[str, list[str]] = {split: [] for split in texts}
    places: dict[str, list[int]] = {split: [] for split in texts}
    for split, part in texts.items():
        for place, text in enumerate(part):
            found = clean_text(text, form)
            account.total += 1
            account.empty += not found
            account.composed += form != "none" and not unicodedata.is_normalized(form, text)
            account.spaced += " ".join(text.split()) != text.strip()
            if found:
                clean[split].append(found)
                places[split].append(place)
    return Texts(clean, (account.told(config.dataset, noun, form),), places=places)


def split_lines(text: str, line_ends: str = "newline") -> list[str]:
    r"""Return the lines of a text, the empty ones too; an end at its very end begins no other.

    Args:
        text: whole.
        line_ends: `newline`: \n and \r\n end a line; `any`: so does all that Unicode says does (form feeds, U+2028, ...).

    Example:
        >>> split_lines("a\r\nb\x0cc\n"), split_lines("b\x0cc", "any")
        (['a', 'b\x0cc'], ['b', 'c'])
    """
    if line_ends == "any":
        return text.splitlines()
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def read_texts(path: Path, config: DataConfig) -> Texts:
    """Read texts: the lines of a file, the objects of a JSONL file, or the files of a folder.

    Args:
        path: `.jsonl` and `.ndjson` have one JSON object a line, all other files one text a line; of a folder every `.txt`,
            `.text` and `.md` file is a text. What a suffix says is compressed is unpacked.
        config: `text_field`, `normalization`, `line_ends`.

    Raises:
        UserFileError: it cannot be read, or is no text.
        UserValueError: there is no such field, or several could be meant.
    """
    if path.is_dir():
        return _read_folder(path, config)
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED]
    content, notes = _content(path)
    if suffixes[-1:] and suffixes[-1] in _JSON_LINES:
        found, more = _of_objects(content, path, config)
        return _with_notes(clean_texts({"train": found}, config, "objects"), (*notes, *more))
    if config.text_field:
        raise UserValueError(
            f"data.text_field goes with JSON objects, one a line, in a .jsonl file. Received: {config.text_field!r} for {path}."
        )
    if suffixes[-1:] == [".json"]:
        raise UserFileError(f"{path} must be lines of text, or JSON objects, one a line, named .jsonl. Received: a .json file.")
    lines = split_lines(content, config.line_ends)
    if len(lines) == 1 and "\r" in content.strip("\r\n"):
        raise UserFileError(f"{path} must end its lines by \\n or \\r\\n. Received: carriage returns alone. Convert it.")
    return _with_notes(clean_texts({"train": lines}, config, "lines"), tuple(notes))


def _with_notes(texts: Texts, notes: Iterable[Note]) -> Texts:
    return texts._replace(notes=(*notes, *texts.notes))


def _content(path: Path) -> tuple[str, list[Note]]:
    """Return a file's text, and in which encoding it was where that is not UTF-8."""
    content, notes = content_of(path, "text")
    text = content.decode()
    if notes:
        _refuse_mixed(path, text)
    return text, notes


def _refuse_mixed(path: Path, text: str) -> None:
    """Check that a file that was read as Latin-1 is not UTF-8 with a few damaged bytes: its letters would all be others."""
    try:
        raw = text.encode("cp1252")
    except UnicodeEncodeError:
        raw = text.encode("latin-1")
    read = raw.decode("utf-8", "surrogateescape")
    damaged = [place for place, letter in enumerate(read) if "\udc80" <= letter <= "\udcff"]
    if sum(not letter.isascii() for letter in read) - len(damaged) > len(damaged):
        line = read.count("\n", 0, damaged[0]) + 1
        raise UserFileError(
            f"{path} must be a text in one encoding. Received: UTF-8, but for {len(damaged):,} bytes, the first on line "
            f"{line}. Mend or remove them."
        )


def _of_objects(content: str, path: Path, config: DataConfig) -> tuple[Iterator[str], list[Note]]:
    """Return the wanted field of every JSON object, and which fields are left out."""
    objects = [_object(line, f"{path}, line {number}") for number, line in enumerate(split_lines(content), 1)]
    fields = list(dict.fromkeys(name for one in objects for name in one or {}))
    name = _field(objects, fields, path, config)
    for number, one in enumerate(objects, 1):
        if one is not None and not isinstance(one.get(name), str | None):
            raise UserValueError(
                f"{path}: {name!r} must be a text in every object. Received: {type(one[name]).__name__} on line {number}."
            )
    others = [other for other in fields if other != name]
    said = f"{path}: the texts are the field {name!r} (data.text_field); "
    left_out = f"left out: {few(others)} ({len(others)})." if others else "there is no other."
    return ((one or {}).get(name) or "" for one in objects), [Note(said + left_out)]


def _object(line: str, where: str) -> dict[str, Any] | None:
    """Return a line's object; None for an empty line."""
    if not line.strip():
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserFileError(f"{where} must be a JSON object. Received: {line[:40]!r} ({error}).") from error
    if not isinstance(found, dict):
        raise UserFileError(f'{where} must be a JSON object, as {{"text": "..."}}. Received: {line[:40]!r}.')
    return found


def _field(objects: Sequence[dict[str, Any] | None], fields: Sequence[str], path: Path, config: DataConfig) -> str:
    """Return the field that holds the texts: the one that is named, `text`, or the only one of strings."""
    strings = [name for name in fields if any(one and isinstance(one.get(name), str) for one in objects)]
    wanted = config.text_field or ("text" if "text" in strings else strings[0] if len(strings) == 1 else None)
    if wanted not in fields or wanted is None:
        received = config.text_field or f"strings in {few(strings) or 'no field'}"
        raise UserValueError(
            f"{path} must hold its texts in a field 'text', in the only one of strings, or in that which data.text_field says. "
            f"Received: {received}; fields are {', '.join(fields) or 'none'}."
        )
    return wanted


def _read_folder(root: Path, config: DataConfig) -> Texts:
    """Read the texts under a folder, one a file, in the order of their names."""
    found = find_files(root, _FILES, "texts, one a file", links=config.links, packed=True)
    layout = _layout(root, found.paths)
    outside = len(found.paths) - sum(map(len, layout.values()))
    read = {split: [_content(path) for path in paths] for split, paths in layout.items()}
    texts = clean_texts({split: [text for text, _ in part] for split, part in read.items()}, config, "files")
    names = {split: [readable(layout[split][row].relative_to(root)) for row in rows] for split, rows in texts.places.items()}
    notes = [note for part in read.values() for _, told in part for note in told]
    left_out = f"; left out: {listed(found.left_out)}" if found.left_out else ""
    used = listed(Counter(map(suffix_of, found.paths)))
    total = len(found.paths) + sum(found.left_out.values())
    notes.insert(0, Note(f"{root}: {total:,} files found; {len(found.paths) - outside:,} read, of {used}{left_out}."))
    if outside:
        notes.append(Note(f"{root}: {outside:,} files are in no folder of a split and left out.", is_warning=True))
    return Texts(texts.texts, (*notes, *texts.notes), names)


def _layout(root: Path, files: Sequence[Path]) -> dict[str, list[Path]]:
    """Group files by split where the sub-folders are such."""
    layout = by_split(root, files) if are_splits(root, files) else {"train": list(files)}
    return {split: layout[split] for split in SPLIT_NAMES if split in layout}
