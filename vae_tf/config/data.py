"""Data: which examples, how they are split, what is done to them."""

from pathlib import Path
from typing import Literal

from PIL import ImageColor
from pydantic import Field, field_validator, model_validator

from vae_tf.errors import UserFileError, UserValueError, readable
from vae_tf.files import is_url, what_is
from vae_tf.parts.settings import Frozen
from vae_tf.parts.types import PositiveInt, SizeLike, Text

__all__ = ["MEMORY", "DataConfig", "absolute", "check_path", "existing_path", "full_name", "refuse_bare_path", "without_folder"]

ColumnUse = Literal["real", "count", "ordinal", "category", "date", "drop"]
"""What a person may say that a column of a table is; see `vae_tf.data.columns`."""
MEMORY = "memory"
"""What is before the colon in the name of what a Python program has in memory."""
_PATHS = {
    "csv": ("file", "folder"),
    "npz": ("file",),
    "sparse": ("file",),
    "text": ("file", "folder"),
    "folder": ("folder",),
}
"""Sources whose argument is a path, and what may be there."""
_TABLES = (".csv", ".tsv", ".parquet", ".pq", ".feather", ".arrow", ".ipc", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_PACKED = (".gz", ".bz2", ".zst")
_FORMS = {**dict.fromkeys(_TABLES, "csv"), ".npz": "npz", ".ts": "npz", ".arff": "npz", ".mtx": "sparse", ".h5ad": "sparse"}
"""Sources of files whose names say what they are."""


def full_name(dataset: str) -> str:
    """Return the name of a dataset with its source: a file's own name says that it is a table, or of arrays.

    Example:
        >>> full_name("penguins.csv"), full_name("rows/x.npz"), full_name("csv:x.txt"), full_name("mnist")
        ('csv:penguins.csv', 'npz:rows/x.npz', 'csv:x.txt', 'mnist')
    """
    path = Path(dataset)
    suffix = Path(path.stem).suffix if path.suffix.lower() in _PACKED else path.suffix
    form = _FORMS.get(suffix.lower())
    return f"{form}:{dataset}" if form and ":" not in dataset else dataset


def existing_path(dataset: str) -> Path:
    """Return the file or folder that `csv:PATH`, `npz:PATH`, `sparse:PATH`, `text:PATH` or `folder:PATH` names.

    Raises:
        UserFileError: it is not there, a folder where a file is meant or the other way round, or a pipe or a device, which
            is not waited for.
    """
    form, _, argument = dataset.partition(":")
    wanted = " or a ".join(_PATHS[form])
    try:
        path, found = _looked_at(argument)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserFileError(f"{form}:PATH must name a {wanted}. Received: {argument!r} ({reason}).") from error
    if found not in _PATHS[form]:
        raise UserFileError(f"{form}:PATH must name a {wanted}. Received: {str(path)!r}, {what_is(path)}.")
    return path


def _looked_at(argument: str) -> tuple[Path, str]:
    """Return a path, and what is there: `file`, `folder` or nothing. OSError: a name too long; RuntimeError: no such user."""
    path = Path(argument).expanduser()
    return path, "file" if path.is_file() else "folder" if path.is_dir() else ""


def absolute(path: str) -> str:
    """Return a path from the root, `~` being the home folder; a remote one (`gs://...`) stays.

    Example:
        >>> absolute("/a/b"), absolute("gs://bucket/b")
        ('/a/b', 'gs://bucket/b')
    """
    return path if is_url(path) else str(Path(path).expanduser().absolute())


def without_folder(dataset: str) -> str:
    """Return the name of a dataset with that of its file alone.

    Example:
        >>> without_folder("csv:/home/me/t.csv"), without_folder("digits")
        ('csv:t.csv', 'digits')
    """
    form, _, argument = dataset.partition(":")
    return f"{form}:{Path(argument).name}" if form in _PATHS else dataset


def check_path(dataset: str) -> None:
    """Check, without TensorFlow, that the path of a dataset is there, if it has one.

    Raises:
        UserFileError: see `existing_path`.

    Example:
        >>> check_path("digits")
        >>> check_path("csv:missing.csv")
        Traceback (most recent call last):
        vae_tf.errors.UserFileError: csv:PATH must name a file or a folder. Received: 'missing.csv', which is not one.
    """
    form, _, argument = full_name(dataset).partition(":")
    if form in _PATHS and argument:
        existing_path(f"{form}:{argument}")
    refuse_bare_path(dataset)


def refuse_bare_path(dataset: str, is_unknown: bool = False) -> None:
    """Refuse a path that does not say what is there, with what to write before it.

    Args:
        dataset: as it was given.
        is_unknown: whether TFDS has nothing of that name; else `mnist` is one of its own, whatever is in the folder.

    Raises:
        UserValueError: the name is that of a file or a folder that is there.

    Example:
        >>> refuse_bare_path("mnist"), refuse_bare_path("mnist_corrupted/spatter")
        (None, None)
        >>> refuse_bare_path("/")
        Traceback (most recent call last):
        vae_tf.errors.UserValueError: '/' is a folder: say of what, as folder:/ (pictures), text:/ or csv:/ (Parquet).
    """
    is_path = is_unknown or bool(Path(dataset).suffix) or dataset.startswith(("/", ".", "~"))
    if ":" in full_name(dataset) or not is_path:
        return
    try:
        path, found = _looked_at(dataset)
    except (OSError, RuntimeError):
        return
    if found == "folder":
        ways = f"folder:{dataset} (pictures), text:{dataset} or csv:{dataset} (Parquet)"
        raise UserValueError(f"{dataset!r} is a folder: say of what, as {ways}.")
    if found:
        ways = f"text:{dataset} (a text a line) or csv:{dataset} (a table)"
        raise UserValueError(
            f"{dataset!r} is a file whose name does not say what it holds: {ways}, if it is one. Received: "
            f"{path.suffix or 'no ending'}; these speak for themselves: {', '.join(_FORMS)}."
        )


class DataConfig(Frozen):
    """Which examples, how they are split, and what is done to them before the model sees them."""

    dataset: str = Field("digits", min_length=1, description="digits, sprites, waves, topics, a TFDS name, npz:PATH, ...")
    data_dir: str | None = Field(
        None,
        description="where TFDS data sets and large tables are prepared; default: TFDS' own folder, ~/.cache/vae_tf",
    )
    splits: dict[Literal["train", "validation", "test"], str] | None = Field(
        None, description="TFDS split expressions, e.g. train: 'train[:50000]'; they must not overlap"
    )
    binarization: Literal["none", "threshold", "dynamic", "static"] = "none"
    validation_fraction: float = Field(0.1, gt=0, lt=1, description="share held out where the source has no such split")
    test_fraction: float = Field(0.1, gt=0, lt=1, description="share held out where the source has no such split")
    fold: tuple[PositiveInt, PositiveInt] | None = Field(
        None, description="the test split is this one of so many equal parts of all examples; see `evaluate --folds`"
    )
    group: str | None = Field(
        None, min_length=1, description="what stays on one side; csv: a column, npz: an array, folder: a regular expression"
    )
    stratify: bool = Field(True, description="every class gives its share to what is held out; files with labels, not TFDS")
    copies: Literal["together", "similar", "apart"] = Field(
        "together", description="equal (or near-equal) examples are held out together, or like all others; files, not TFDS"
    )
    resize: tuple[PositiveInt, PositiveInt] | None = Field(None, description="height and width; images only")
    fit: Literal["pad", "crop", "stretch"] = Field(
        "pad", description="pictures of other proportions than resize: with a border, without edges, or out of proportion"
    )
    alpha: Literal["flatten", "keep", "drop"] = Field(
        "flatten", description="transparent pictures: over the background, or a fourth channel; drop shows what is hidden"
    )
    background: str = Field(
        "white", description="pictures: colour (a name or #rrggbb) under what is transparent, and of borders"
    )
    turn: bool = Field(True, description="folders only: turn pictures as their EXIF orientation says")
    profile: Literal["srgb", "ignore"] = Field(
        "srgb", description="folders only: bring pictures with a colour profile of their own into sRGB, or take their numbers"
    )
    suffixes: tuple[Text, ...] | None = Field(
        None,
        min_length=1,
        description="folders only: ends of the names that are read, e.g. .png; default: all that can be read",
    )
    links: bool = Field(True, description="folders of pictures or texts: go into folders that are linked")
    unreadable: Literal["stop", "skip"] = Field(
        "stop", description="folders only: a picture that cannot be read ends the command, or is left out and counted"
    )
    label_column: str | None = Field(None, description="csv only: the column that is a label, not an input")
    label_bins: int | None = Field(None, ge=2, description="csv only: cut a label column of numbers into so many equal shares")
    columns: dict[str, ColumnUse] | None = Field(
        None, description="tables only: what columns are, e.g. zip: category; drop leaves one out; others the cells decide"
    )
    missing: tuple[Text, ...] = Field((), description="tables only: more words that stand for an empty cell, beside NA, ?, ...")
    sheet: str | None = Field(
        None, min_length=1, description="spreadsheets only: name of the sheet; default: the first that can be seen"
    )
    rare: PositiveInt = Field(3, description="tables only: a word of fewer training rows becomes (other)")
    tokens: Literal["characters", "subwords"] = Field("characters", description="text only: what a line is cut into")
    vocabulary_size: int = Field(256, ge=4, description="text only: at most so many tokens")
    text_field: str | None = Field(None, min_length=1, description="text only: the field of JSON objects that holds the text")
    normalization: Literal["NFC", "NFKC", "none"] = Field(
        "NFC", description="text only: the Unicode form that letters are written in, also of new texts"
    )
    line_ends: Literal["newline", "any"] = Field(
        "newline", description="text only: a line ends at \\n or \\r\\n; any: also at form feeds, U+2028, ..."
    )
    max_length: SizeLike = Field(
        "auto", description="text only: tokens of a text; longer ones are cut; auto: 99 of 100 are whole, 512 at most"
    )
    counts: bool = Field(False, description="csv and npz: keep whole numbers as they are, for a likelihood of counts")
    window: PositiveInt | None = Field(None, description="csv, npz and waves, rows in time: examples are so many rows on end")
    time_column: str | None = Field(
        None,
        min_length=1,
        description="csv, with window: the column that says when a row was; default: the first of dates, or that rises evenly",
    )
    series_column: str | None = Field(
        None, min_length=1, description="csv, with window: the column that says of which series a row is; no window mixes two"
    )
    gaps: Literal["cut", "interpolate"] = Field(
        "cut", description="csv and npz, with window: leave windows with an empty cell out, or fill it in on a straight line"
    )
    series: bool | None = Field(
        None, description="npz: [N, T, D] are series of T steps; false: pictures [N, H, W]; default: by the values"
    )
    train_on_validation: bool = Field(False, description="for a last fit, when all is chosen")
    classes: tuple[Text, ...] | None = Field(None, min_length=1, description="use only examples with these labels")
    limit: PositiveInt | None = Field(None, description="use only the first N examples of every split")
    memory_limit_mb: PositiveInt = Field(
        4096, description="larger decoded data are streamed, or read from the disk, not held in memory"
    )
    shuffle_buffer: PositiveInt = Field(20_000, description="streaming only: examples in the shuffle buffer")

    @field_validator("dataset", mode="before")
    @classmethod
    def _of_letters(cls, dataset: object) -> object:
        if isinstance(dataset, str) and readable(dataset) != dataset:
            raise ValueError(
                f"must be of letters, as a run records it. Received: {readable(dataset)!r}, with bytes that are not UTF-8. "
                "Rename it, or make a link to it by another name; files within a folder may have any names"
            )
        return dataset

    @field_validator("dataset")
    @classmethod
    def _with_source(cls, dataset: str) -> str:
        return full_name(dataset)

    @field_validator("fold")
    @classmethod
    def _one_of(cls, fold: tuple[int, int] | None) -> tuple[int, int] | None:
        if fold and not (fold[0] <= fold[1] >= 2):
            raise ValueError(f"must be [K, N] with 1 <= K <= N and N >= 2. Received: {list(fold)}")
        return fold

    @field_validator("background")
    @classmethod
    def _a_colour(cls, background: str) -> str:
        try:
            is_solid = len(ImageColor.getrgb(background)) == len("rgb")
        except ValueError:
            is_solid = False
        if not is_solid:
            raise ValueError(f"must be a colour: a name, such as white, or #rrggbb. Received: {background!r}")
        return background

    @model_validator(mode="after")
    def _of_its_form(self) -> "DataConfig":
        if self.series and self.dataset.partition(":")[0] in _PATHS.keys() - {"npz"}:
            raise ValueError(f"series goes with arrays, npz:PATH. Received: {self.series} for {self.dataset}")
        if self.text_field and not self.dataset.startswith("text:"):
            raise ValueError(f"text_field goes with text:FILE.jsonl. Received: {self.text_field!r} for {self.dataset}")
        return self

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def located(self) -> "DataConfig":
        """Return the same with absolute paths, which mean the same files from whatever folder they are read.

        Example:
            >>> DataConfig(dataset="csv:a/../t.csv").located().dataset == f"csv:{Path.cwd()}/a/../t.csv"
            True
        """
        form, _, argument = self.dataset.partition(":")
        update = {"dataset": f"{form}:{absolute(argument)}"} if form in _PATHS else {}
        return self.model_copy(update={**update, **({"data_dir": absolute(self.data_dir)} if self.data_dir else {})})

    def without_folders(self) -> "DataConfig":
        """Return the same with names of files alone: where they are on one machine is nobody's matter on another.

        Example:
            >>> DataConfig(dataset="csv:/home/me/t.csv", data_dir="/data").without_folders().dataset
            'csv:t.csv'
        """
        return self.model_copy(update={"dataset": without_folder(self.dataset), "data_dir": None})

    def moved(self, dataset: str) -> "DataConfig":
        """Return the same with its files in another place.

        Args:
            dataset: the path, with or without the source before it.

        Raises:
            UserValueError: these data have no path, or what is named is of another source.

        Example:
            >>> DataConfig(dataset="folder:old").moved("new/place").dataset
            'folder:new/place'
        """
        form, told = self.dataset.partition(":")[0], dataset.partition(":")[0]
        if form not in _PATHS:
            raise UserValueError(f"--dataset says where files went; {self.dataset} has none. Received: {dataset!r}.")
        if told in _PATHS and told != form:
            raise UserValueError(f"--dataset says where {self.dataset} went: {form}:PATH. Received: {dataset!r}.")
        return self.model_copy(update={"dataset": dataset if told == form else f"{form}:{dataset}"})

    @property
    def holds_out(self) -> bool:
        """Whether anything is held out where the source has no such split; nothing is where all examples are scored."""
        return bool(self.validation_fraction or self.test_fraction)
