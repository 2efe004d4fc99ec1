"""What is pushed, put together in a folder: a run that opens anywhere, a servable, a model card."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae_tf.artifacts import RunDirectory
from vae_tf.checksums import summed_text
from vae_tf.config import without_folder
from vae_tf.config_sources import dump_yaml
from vae_tf.errors import UserFileError
from vae_tf.export.servable import export_run
from vae_tf.files import read_record, write_record, write_text
from vae_tf.hub.card import CardFacts, render_card
from vae_tf.hub.layout import CARD, SERVABLE, check_names
from vae_tf.program import command_line
from vae_tf.sums import SUMS, files_below, write_sums
from vae_tf.training.checkpoints import CheckpointStore
from vae_tf.training.runs import LoadedRun

__all__ = ["Parcel", "pack", "run_results"]


@dataclass(frozen=True)
class Parcel:
    """What goes along.

    Attributes:
        licence: as the Hub names it; `none`.
        name: of the model and its servable.
        pictures: whether pictures go along, on which are examples of the data.
        servable: whether a SavedModel goes along.
        url: where it goes, for the card.
    """

    licence: str
    name: str = ""
    pictures: bool = True
    servable: bool = True
    url: str = ""


def run_results(run: RunDirectory) -> dict[str, Any]:
    """Return a run's numbers on the test split, without which nobody can tell what it is worth.

    Raises:
        UserFileError: its training did not end.
    """
    results = run.read_results()
    if results is None:
        again = command_line("train", "--resume", "--run-dir", run.path)
        raise UserFileError(f"{run.path} was not measured: its training has not ended. Go on with: {again}")
    return results


def pack(loaded: LoadedRun, folder: Path, parcel: Parcel) -> list[str]:
    """Put what is pushed into a folder.

    Names of files and folders of this machine are left out of the records, and so are the notes on the data and the logs.

    Args:
        loaded: the run.
        folder: to be filled.
        parcel: what goes along.

    Returns:
        The names of the files; `SHA256SUMS` is the last.

    Raises:
        UserFileError: the training has not ended, or a file cannot be read or written.
    """
    run, config = loaded.run, loaded.config.without_folders()
    spec = loaded.spec.model_copy(update={"name": without_folder(loaded.spec.name)})
    loaded = LoadedRun(run, config, spec, loaded.vae, loaded.state)
    results = run_results(run)
    for name in _copied(loaded, parcel):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run.path / name, folder / name)
    target = RunDirectory(folder)
    write_text(target.config_file, summed_text(dump_yaml(config)))
    write_record(target.dataset_file, spec.model_dump(mode="json"))
    if run.environment_file.is_file():
        environment = read_record(run.environment_file)
        write_record(target.environment_file, {key: value for key, value in environment.items() if key != "command"})
    servable = ""
    if parcel.servable:
        exported = export_run(loaded, folder / SERVABLE, parcel.name)
        servable = exported.path.parent.relative_to(folder).as_posix()
    _write_card(loaded, folder, parcel, results, servable)
    write_sums(folder, without=[CARD])
    names = [*files_below(folder), SUMS]
    check_names(names, str(run.path))
    return names


def _copied(loaded: LoadedRun, parcel: Parcel) -> list[str]:
    """Name the run's files that go along as they are: of checkpoints the model's, and the newest, which says where it ended."""
    run, store = loaded.run, CheckpointStore(loaded.run.checkpoints)
    epochs = {store.epochs()[-1], loaded.state.selected(loaded.config.training.select)}
    wanted = [store.path(epoch) for epoch in sorted(epochs)]
    wanted += [run.metrics_file, run.results_file]
    wanted += sorted(run.pictures.glob("*.png")) if parcel.pictures else []
    wanted += [path for path in sorted(run.parts.glob("*")) if path.is_file()]
    return [path.relative_to(run.path).as_posix() for path in wanted if path.exists()]


def _write_card(loaded: LoadedRun, folder: Path, parcel: Parcel, results: Mapping[str, Any], servable: str) -> None:
    facts = CardFacts(
        name=parcel.name,
        url=parcel.url,
        licence=parcel.licence,
        pictures=tuple(sorted(path.stem for path in (folder / "pictures").glob("*.png"))),
        servable=servable,
        code=tuple(sorted(path.name for path in (folder / "parts").glob("*.py"))),
    )
    write_text(folder / CARD, render_card(loaded, results, facts))
