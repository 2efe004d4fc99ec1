"""What a file that is not well costs, and what can still be done: nothing here says to delete what may be good."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

from vae_tf.program import command_line

__all__ = ["remedy_of"]

_SHOWS = "It only shows: no number and no weight hangs on it."


def remedy_of(kind: str, folder: Path, file: str, state: str) -> str:
    """Return what a file costs, and what can be done.

    Args:
        kind: of the folder: `run`, `search` or `version` of a servable.
        folder: that has the file.
        file: its name from there.
        state: it is not well; see `Row`.
    """
    if state == "unreadable":
        return "Nothing says that it is damaged: let it be read, and check again."
    found = next(text for pattern, text in _REMEDIES[kind] if fnmatchcase(file, pattern))
    return found if isinstance(found, str) else found(folder)


def _again(folder: Path) -> str:
    return f"`{command_line('train', '--resume', '--run-dir', folder)}`"


def _written_anew(what: str) -> Callable[[Path], str]:
    return lambda folder: f"{what} {_again(folder)} writes it anew, when it is moved away."


def _measured(folder: Path) -> str:
    return f"Its numbers: {_again(folder)} on the complete run measures and writes them again."


def _reported(folder: Path) -> str:
    return f"The page: `{command_line('report', folder, '-o', folder / 'report.html')}` makes it again."


def _resumed(folder: Path) -> str:
    return f"`{command_line('tune', '--resume', '--output', folder.parent, '--name', folder.name)}`"


def _searched(folder: Path) -> str:
    return f"{_resumed(folder)} writes it again; the winner's own config.yaml says the same."


def _proposed(folder: Path) -> str:
    report = command_line("report", folder)
    return f"No new trials can be proposed: put it back from a copy. Trials that ended, the winner and `{report}` stay."


def _exported(_: Path) -> str:
    again = command_line("export", "RUN")
    return f"Not to be served: `{again}` writes the next version from the run. Versions before it are not concerned."


_SUMS_LOST = "The sums alone: the files beside it are checked by what they carry themselves."
_PARTS = "The run's copy of your own code: put the file back from where it came from (it is never executed unasked)."
_BESIDE = "The SavedModel answers without it. Put it back from a copy, or export anew with --format all."
_MANIFEST = "Of another server: the SavedModel answers without it. Put it back from a copy, or export anew with --manifest."
_OTHER = "Put it back from a copy, if it is needed."
_REMEDIES: dict[str, list[tuple[str, str | Callable[[Path], str]]]] = {
    "run": [
        ("config.yaml", "The settings: put it back from a copy. The weights in the checkpoints are not concerned."),
        ("dataset.json", _written_anew("How values are read: put it back from a copy, or")),
        ("results.json", _measured),
        ("metrics.jsonl", "The curves of its damaged or lost lines. The model and resuming are not concerned."),
        ("trial.json", "What the trial measured: put it back from a copy, or move it away; the trial is then not counted."),
        (
            "validation.npz",
            "The trial's numbers by example: put it back from a copy, or move trial.json away; the trial is then not counted.",
        ),
        ("environment.json", _written_anew("A section of the report.")),
        ("data_notes.json", _written_anew("What was told of the data.")),
        ("model.keras", _written_anew("No command reads it: the weights are in the checkpoints.")),
        ("pictures/*", _written_anew(_SHOWS)),
        ("tensorboard/*", f"{_SHOWS} The curves are in metrics.jsonl too."),
        ("parts/*", _PARTS),
        ("SHA256SUMS", _SUMS_LOST),
        ("*", _OTHER),
    ],
    "search": [
        (
            "search.yaml",
            "The settings of the search: put it back from a copy. Trials and winner are runs of their own, and not concerned.",
        ),
        ("oracle/*", _proposed),
        ("best.yaml", _searched),
        ("report.html", _reported),
        ("tensorboard/*", f"{_SHOWS} The trials are in the report too."),
        ("workers/*", "A log of a worker: nothing reads it."),
        ("parts/*", _PARTS),
        ("SHA256SUMS", _SUMS_LOST),
        ("*", _OTHER),
    ],
    "version": [
        ("saved_model.pb", _exported),
        ("variables/*", _exported),
        ("assets/*", _exported),
        (
            "assets.extra/manifest.json",
            "Scoring tables and files by this version; requests are answered without it. Put it back from a copy.",
        ),
        ("assets.extra/*", "Requests that warm a server up: it refuses the version. Put it back from a copy."),
        *((f"{name}/*", _BESIDE) for name in ("onnx", "litert")),
        *((name, _MANIFEST) for name in ("triton/*", "kserve.yaml", "service.py", "bentofile.yaml")),
        ("fingerprint.pb", "Nothing here reads it; put it back from a copy."),
        ("SHA256SUMS", _SUMS_LOST),
        ("*", _OTHER),
    ],
}
"""By kind of folder: a pattern of names, and what is said; the first that fits."""
