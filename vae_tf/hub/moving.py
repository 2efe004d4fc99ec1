"""Push and pull: a run to a place and back, whole or not at all."""

import shutil
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from vae_tf.checksums import KEY
from vae_tf.errors import DamagedFileError, UserFileError
from vae_tf.failures import writing
from vae_tf.files import LOCK, alone_in, folder_of, sync_file, write_record
from vae_tf.hub.arrival import check_arrival
from vae_tf.hub.folder_place import FolderPlace
from vae_tf.hub.layout import CARD, check_names
from vae_tf.hub.parcel import Parcel, pack, run_results
from vae_tf.hub.place import LostPlaceError, Place, Sent
from vae_tf.hub.repository import Repository
from vae_tf.hub.url_place import UrlPlace
from vae_tf.sums import SUMS, files_below, read_sums, sum_of
from vae_tf.training.runs import LoadedRun
from vae_tf.version import VERSION

__all__ = ["ORIGIN", "Pulled", "Pushed", "is_url", "open_place", "pull_once", "pull_run", "push_run"]

ORIGIN = "pulled.json"
"""In a run that was pulled: where it comes from."""
_DIGITS = 16


@dataclass(frozen=True)
class Pushed:
    """A push that was made.

    Attributes:
        sent: what became of it.
        files: names of its files.
        num_bytes: of all.
    """

    sent: Sent
    files: tuple[str, ...]
    num_bytes: int


@dataclass(frozen=True)
class Pulled:
    """A run that was pulled.

    Attributes:
        path: its folder.
        revision: the state that it is of; of a place that keeps one state alone the beginning of its sums' SHA-256.
        files: names of its files.
    """

    path: Path
    revision: str
    files: tuple[str, ...]

    @property
    def code(self) -> list[Path]:
        """Files of its own parts: code, which nothing executes unasked."""
        return [self.path / name for name in self.files if name.startswith("parts/") and name.endswith(".py")]

    @property
    def servables(self) -> list[Path]:
        """Folders of servables."""
        return sorted({self.path / Path(name).parents[1] for name in self.files if name.endswith("/saved_model.pb")})


def is_url(name: str) -> bool:
    """Return whether a name is that of a place elsewhere, not of a folder.

    Example:
        >>> is_url("hf://me/digits"), is_url("runs/a")
        (True, False)
    """
    return "://" in name


def open_place(url: str) -> Place:
    """Return the place of a URL, or of a folder's path.

    Raises:
        UserValueError: nothing that is installed opens it.

    Example:
        >>> type(open_place("shared/digits")).__name__, type(open_place("hf://me/digits")).__name__
        ('FolderPlace', 'Repository')
    """
    if url.startswith("hf:"):
        return Repository(url)
    if url.startswith("file://"):
        return FolderPlace(url.removeprefix("file://"))
    return UrlPlace(url) if is_url(url) else FolderPlace(url)


def push_run(loaded: LoadedRun, place: Place, parcel: Parcel, public: bool = False) -> Pushed:
    """Bring a run to a place, with its servable and its model card.

    Args:
        loaded: the run.
        place: of `open_place`; asked already whether it can take it (`check_free`).
        parcel: what goes along.
        public: whether everybody may see it, where the place can keep it from people.

    Raises:
        UserError: the training has not ended, or there is no right to.
        LostPlaceError: the place does not answer; the same again goes on.
    """
    run_results(loaded.run)
    with tempfile.TemporaryDirectory(prefix="vae_tf-push-") as name:
        folder = Path(name)
        files = pack(loaded, folder, parcel)
        size = sum((folder / one).stat().st_size for one in files)
        sent = place.send(folder, files, f"{parcel.name}, by vae_tf {VERSION}", public)
    return Pushed(sent, tuple(files), size)


def pull_run(place: Place, target: str | Path) -> Pulled:
    """Bring a pushed run into a folder, which appears when all is there and checked; nothing of it is executed.

    What an interrupted pull has brought, or one whose server was lost, waits in a hidden folder beside: the next one goes on.

    Args:
        place: of `open_place`.
        target: the folder.

    Raises:
        UserFileError: there is no push, or no right to see it; or the folder is there already, or cannot be written.
        DamagedFileError: what is there is not what was pushed, or more than a push may be.
        LostPlaceError: the place does not answer.
    """
    target = Path(target)
    _check_free(target)
    staging = target.with_name(f".{target.name[:40]}-{sha256(place.url.encode()).hexdigest()[:8]}.pull")
    with folder_of(staging / LOCK):
        with writing(target):
            staging.mkdir(exist_ok=True)
        with alone_in(staging, "is pulling into", "-o FOLDER"):
            try:
                pulled = _arrive(place, staging, target)
            except LostPlaceError:
                raise
            except Exception:
                shutil.rmtree(staging, ignore_errors=True)
                raise
    return pulled


def pull_once(place: Place, folder: str | Path = "runs") -> Pulled:
    """Return the run of a place, pulled to `NAME-STATE` below a folder of all runs unless that is there already.

    Args:
        place: of `open_place`.
        folder: of all runs.

    Raises:
        UserError: as `pull_run`.
    """
    revision = place.pin() or _state(place)
    target = Path(folder) / f"{place.name}-{revision[:8]}"
    if not (target / ORIGIN).is_file():
        return pull_run(place, target)
    return Pulled(target, revision, tuple(sorted(read_sums(target) or ())))


def _check_free(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserFileError(f"{target} exists and is not empty. Choose another folder: -o FOLDER.")


def _state(place: Place) -> str:
    """Return what tells the state of a place that has no revisions: the sum of its sums."""
    with tempfile.TemporaryDirectory(prefix="vae_tf-pull-") as folder:
        _fetch_sums(place, Path(folder))
        return sum_of(Path(folder) / SUMS)[:_DIGITS]


def _fetch_sums(place: Place, folder: Path) -> dict[str, str]:
    """Bring the sums, by which everything else is known.

    Raises:
        UserFileError: there are none.
        DamagedFileError: they are damaged, or name what no push has.
    """
    try:
        place.fetch(SUMS, folder)
    except FileNotFoundError as error:
        raise UserFileError(
            f"{place.url} holds no run that this program pushed, or its push has not ended: it has no {SUMS}."
        ) from error
    try:
        sums = read_sums(folder) or {}
    except DamagedFileError as error:
        raise DamagedFileError(f"{place.url} is no push of this program: its {SUMS} does not agree with its {KEY}.") from error
    check_names(sums, place.url)
    return sums


def _arrive(place: Place, staging: Path, target: Path) -> Pulled:
    revision = place.pin()
    sums = _fetch_sums(place, staging)
    for name, expected in sums.items():
        _fetch(place, name, staging, expected)
    try:
        place.fetch(CARD, staging)
    except FileNotFoundError:
        (staging / CARD).unlink(missing_ok=True)
    _clear(staging, {*sums, SUMS, CARD, LOCK})
    check_arrival(staging, place.url)
    revision = revision or sum_of(staging / SUMS)[:_DIGITS]
    write_record(staging / ORIGIN, {"from": place.url, "revision": revision, "vae_tf": VERSION})
    for name in files_below(staging):
        sync_file(staging / name)
    with writing(target):
        staging.rename(target)
    return Pulled(target, revision, tuple(sorted(sums)))


def _fetch(place: Place, name: str, folder: Path, expected: str) -> None:
    """Bring a file, unless it is there already as it should be.

    Raises:
        DamagedFileError: what came is not what was pushed.
    """
    path = folder / name
    if path.is_file() and sum_of(path) == expected:
        return
    path.unlink(missing_ok=True)
    try:
        place.fetch(name, folder)
    except FileNotFoundError as error:
        raise DamagedFileError(f"{place.url} lacks {name}, which was pushed. Nothing is kept.") from error
    if sum_of(path) != expected:
        raise DamagedFileError(f"{place.url}: {name} is not what was pushed: it does not agree with {SUMS}. Nothing is kept.")


def _clear(folder: Path, wanted: set[str]) -> None:
    """Remove what libraries keep beside what they fetch, and what an earlier state had."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
