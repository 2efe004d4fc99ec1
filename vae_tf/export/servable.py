"""Servable: a SavedModel in `saved_models/<name>/<version>/`, whole or not there at all."""

import inspect
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.saved_model.fingerprinting_utils import write_fingerprint

from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserFileError, UserValueError
from vae_tf.export.check import SignatureCheck, check_servable, precision_of
from vae_tf.export.signature import Signature, describe_signature
from vae_tf.export.signatures import make_signatures
from vae_tf.export.warmup import write_warmup
from vae_tf.files import atomic_directory, write_record
from vae_tf.models.vae import VAE
from vae_tf.paths import list_versions
from vae_tf.sums import write_sums
from vae_tf.training.runs import LoadedRun, describe_environment

__all__ = ["Beside", "Exported", "export_run", "export_vae", "list_versions", "prune_versions", "write_next"]

_ATTEMPTS = 20
_OLD_SECONDS = 86400.0

Beside = Callable[[Path, VAE, DatasetSpec], Any]
"""Writes more into a version's folder, made of the SavedModel that is there, before it appears; gives what is told of it."""
T = TypeVar("T")


@dataclass(frozen=True)
class Exported:
    """A version that was written.

    Attributes:
        path: its folder.
        checks: one comparison a signature, if it was checked.
        removed: versions that were pruned.
        beside: what is told of what was written besides.
    """

    path: Path
    checks: list[SignatureCheck]
    removed: list[int]
    beside: list[Any]


@dataclass(frozen=True)
class _Content:
    """What is written.

    Attributes:
        vae: the model.
        spec: how raw values become model inputs and back.
        origin: what the manifest says of where they come from.
        beside: writes what is wanted besides.
    """

    vae: VAE
    spec: DatasetSpec
    origin: Mapping[str, Any]
    beside: Sequence[Beside] = ()


def export_run(
    loaded: LoadedRun,
    output: str | Path,
    name: str | None = None,
    check: bool = False,
    keep: int | None = None,
    beside: Sequence[Beside] = (),
) -> Exported:
    """Write a run's best model as the next version of a servable.

    The SavedModel is written beside its place and renamed when it is complete, so that a server that watches the folder
    never sees a half. `assets.extra/manifest.json` describes signatures, configuration, data, versions and measured numbers.

    Args:
        loaded: the run.
        output: the folder of all servables.
        name: the servable's name; default: the dataset's.
        check: compare every signature, run in a process of its own, with the live model before the version appears.
        keep: remove the oldest versions beyond so many.
        beside: writes what is wanted besides, such as `vae_tf.export.graph_files.GraphFiles`.

    Raises:
        UserValueError: the name is not fit for a URL.
        UserFileError: the folder cannot be written.
        ServableMismatchError: the check failed; nothing was written.
    """
    results = loaded.run.read_results()
    origin = {"run": loaded.run.name, "config": loaded.config.model_dump(mode="json"), "metrics": results}
    folder = _folder(output, name, loaded.spec)
    return _export(_Content(loaded.vae, loaded.spec, origin, beside), folder, check, keep)


def export_vae(
    vae: VAE, spec: DatasetSpec, output: str | Path, name: str | None = None, check: bool = False, keep: int | None = None
) -> Exported:
    """Write a model as the next version of a servable; see `export_run`. The manifest has no configuration and no numbers.

    Args:
        vae: the model.
        spec: how raw values become model inputs and back.
        output: the folder of all servables.
        name: the servable's name; default: that of the data.
        check: compare every signature, run in a process of its own, with the live model before the version appears.
        keep: remove the oldest versions beyond so many.

    Raises:
        UserValueError: the name is not fit for a URL.
        UserFileError: the folder cannot be written.
        ServableMismatchError: the check failed; nothing was written.
    """
    content = _Content(vae, spec, {"run": None, "config": None, "metrics": None})
    return _export(content, _folder(output, name, spec), check, keep)


def _folder(output: str | Path, name: str | None, spec: DatasetSpec) -> Path:
    name = name or _default_name(spec.name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise UserValueError(f"--name (in Python name) takes letters, digits, '_', '-' and '.'. Received: {name!r}.")
    return Path(output) / name


def _export(content: _Content, folder: Path, check: bool, keep: int | None) -> Exported:
    path, (checks, beside), removed = write_next(folder, lambda temporary: _write_version(content, temporary, check), keep)
    return Exported(path, checks, removed, beside)


def write_next(folder: Path, write: Callable[[Path], T], keep: int | None = None) -> tuple[Path, T, list[int]]:
    """Write the next version below a folder; it appears when it is complete.

    Args:
        folder: of the versions.
        write: fills a version's folder.
        keep: remove the oldest versions beyond so many.

    Returns:
        The version's folder, what `write` gave, and the versions that were removed.

    Raises:
        UserFileError: the folder cannot be written.
    """
    _remove_remains(folder)
    for _ in range(_ATTEMPTS):
        path = folder / str(max(list_versions(folder), default=0) + 1)
        try:
            with atomic_directory(path) as temporary:
                found = write(temporary)
        except UserFileError:
            if not path.exists():
                raise
        else:
            return path, found, prune_versions(folder, keep) if keep else []
    raise UserFileError(f"Cannot write {folder}: other processes keep taking the next version.")


def _remove_remains(folder: Path) -> None:
    """Remove what killed exports left behind, once it is so old that nobody can be writing it."""
    for path in [*folder.glob(".*.partial"), *folder.glob(".*.removed")]:
        with suppress(FileNotFoundError):  # another export cleared it first
            if time.time() - path.stat().st_mtime > _OLD_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def prune_versions(folder: Path, keep: int) -> list[int]:
    """Remove all but the newest versions of a servable, and return those removed.

    A version disappears at once, by a rename, before its files are deleted: a server never loads a part of it.
    """
    removed = list_versions(folder)[:-keep]
    for version in removed:
        hidden = folder / f".{version}.removed"
        (folder / str(version)).rename(hidden)
        shutil.rmtree(hidden)
    return removed


def _default_name(dataset: str) -> str:
    """Return the last part of a dataset's name, fit for a URL."""
    stem = Path(dataset.split(":", 1)[-1]).stem if ":" in dataset else dataset
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("_.-") or "model"


def _write_version(content: _Content, folder: Path, check: bool) -> tuple[list[SignatureCheck], list[Any]]:
    signatures = make_signatures(content.vae, content.spec)
    _save(signatures, folder)
    manifest = _manifest(content, {signature.name: describe_signature(signature) for signature in signatures})
    write_record(folder / "assets.extra" / "manifest.json", manifest)
    write_warmup(folder, signatures)
    beside = [write(folder, content.vae, content.spec) for write in content.beside]
    write_sums(folder)
    return check_servable(folder, signatures, precision_of(content.vae)) if check else [], beside


def _save(signatures: Sequence[Signature], path: Path) -> None:
    """Write the SavedModel with all variables and look-up tables that the signatures use.

    Each is traced once: `keras.export.ExportArchive` keeps them as polymorphic functions, which are traced again while saving.
    """
    functions = {signature.name: _traced(signature) for signature in signatures}
    servable = tf.Module()
    servable.kept = list({id(one): one for function in functions.values() for one in function.variables}.values())
    servable.resources = list({id(one): one for signature in signatures for one in signature.resources}.values())
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)  # nobody trains it: a fifth of the time
    tf.saved_model.save(servable, str(path), functions, options)
    _forget_gradients(path)


def _forget_gradients(path: Path) -> None:
    """Take out the names of gradients that are not saved: of every function with one, loading it would warn."""
    file = path / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for graph in saved.meta_graphs:
        for function in graph.graph_def.library.function:
            for node in function.node_def:
                node.attr.pop("_gradient_op_type", None)
    file.write_bytes(saved.SerializeToString(deterministic=True))
    write_fingerprint(str(path))


def _traced(signature: Signature) -> Any:
    """Return the signature's graph, with one named argument an input: TensorFlow names the feeds after them."""
    names = [field.name for field in signature.inputs]

    def endpoint(*tensors: Any) -> Any:
        return signature(*tensors)

    endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )
    return tf.function(endpoint, [field.spec for field in signature.inputs], autograph=False).get_concrete_function()


def _manifest(content: _Content, signatures: dict[str, Any]) -> dict[str, Any]:
    environment = describe_environment()
    return {
        "format": 1,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "signatures": signatures,
        "dataset": content.spec.model_dump(mode="json"),
        **content.origin,
        "versions": {"python": environment["python"], **environment["packages"]},
    }
