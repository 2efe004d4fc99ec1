"""Push and pull: a run to a place and back, whole or not at all."""

import shutil
import tempfile
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from vae_tf.artifacts import RunDirectory
from vae_tf.checksums import KEY
from vae_tf.errors import DamagedFileError, UserFileError
from vae_tf.failures import writing
from vae_tf.files import LOCK, alone_in, folder_of, is_taken, is_url, sync_file, write_record
from vae_tf.hub.arrival import check_arrival
from vae_tf.hub.card import check_licence
from vae_tf.hub.folder_place import FolderPlace
from vae_tf.hub.layout import CARD, check_names
from vae_tf.hub.parcel import Parcel, pack, run_results
from vae_tf.hub.place import LostPlaceError, Place, Sent
from vae_tf.hub.repository import Repository
from vae_tf.hub.url_place import UrlPlace
from vae_tf.sums import SUMS, files_below, read_sums, sum_of
from vae_tf.training.runs import LoadedRun
from vae_tf.version import VERSION

__all__ = ["ORIGIN", "Pulled", "Pushed", "open_place", "prepare_push", "pull_run", "push_run"]

ORIGIN = "pulled.json"
"""In a run that was pulled: where it comes from."""
_RUNS = Path("runs")
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


def prepare_push(run: RunDirectory, url: str, parcel: Parcel, public: bool = False) -> tuple[Place, Parcel]:
    """Check that a run may be pushed to a place, before any work is done, and return both.

    Args:
        run: the run.
        url: of the place, or a folder's path.
        parcel: what goes along; what it does not say is the place's.
        public: whether everybody may see it, where the place can keep it from people.

    Raises:
        UserError: the training has not ended, no licence was said, or the place cannot take it.
        LostPlaceError: the place does not answer.
    """
    parcel = replace(parcel, licence=check_licence(parcel.licence))
    run_results(run)
    place = open_place(url)
    place.check_free(public)
    return place, replace(parcel, url=place.address, name=parcel.name or place.name)


def push_run(loaded: LoadedRun, place: Place, parcel: Parcel, public: bool = False) -> Pushed:
    """Bring a run to a place, with its servable and its model card.

    Args:
        loaded: the run.
        place: of `prepare_push`.
        parcel: of `prepare_push`.
        public: whether everybody may see it, where the place can keep it from people.

    Raises:
        UserError: the training has not ended, or there is no right to.
        LostPlaceError: the place does not answer; the same again goes on.
    """
    with tempfile.TemporaryDirectory(prefix="vae_tf-push-") as name:
        folder = Path(name)
        files = pack(loaded, folder, parcel)
        size = sum((folder / one).stat().st_size for one in files)
        sent = place.send(folder, files, f"{parcel.name}, by vae_tf {VERSION}", public)
    return Pushed(sent, tuple(files), size)


def pull_run(place: Place, target: str | Path | None = None) -> Pulled:
    """Bring a pushed run into a folder, which appears when all is there and checked; nothing of it is executed.

    What an interrupted pull has brought, or one whose server was lost, waits in a hidden folder beside: the next one goes on.

    Args:
        place: of `open_place`.
        target: the folder; None: `runs/NAME-STATE`, which is taken as it is where it was pulled before.

    Raises:
        UserFileError: there is no push, or no right to see it; or the folder is there already, or cannot be written.
        DamagedFileError: what is there is not what was pushed, or more than a push may be.
        LostPlaceError: the place does not answer.
    """
    if target is not None:
        return _pull(place, Path(target))
    revision = place.pin() or _state(place)
    target = _RUNS / f"{place.name}-{revision[:8]}"
    if not (target / ORIGIN).is_file():
        return _pull(place, target)
    return Pulled(target, revision, tuple(sorted(read_sums(target) or ())))


def _pull(place: Place, target: Path) -> Pulled:
    if is_taken(target):
        raise UserFileError(f"{target} exists and is not empty. Choose another folder: -o FOLDER.")
    staging = target.with_name(f".{target.name[:40]}-{sha256(place.url.encode()).hexdigest()[:8]}.pull")
    with folder_of(staging / LOCK):
        with writing(target):
            staging.mkdir(exist_ok=True)
        with alone_in(staging, "is pulling into", "-o FOLDER"):
            try:
                return _arrive(place, staging, target)
            except LostPlaceError:
                raise
            except Exception:
                shutil.rmtree(staging, ignore_errors=True)
                raise


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
