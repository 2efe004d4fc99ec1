"""Files for other runtimes beside a SavedModel: each run by its own and compared with it before it appears."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.export.check import TOLERANCE, precision_of
from vae_tf.export.graph_check import Comparison, GraphCheck, RealRows
from vae_tf.export.graph_format import GraphFormat, NotConvertedError
from vae_tf.export.graph_signatures import GraphSignature, graph_signatures
from vae_tf.export.rows import served_functions
from vae_tf.export.servable import Exported, export_run, write_next
from vae_tf.export.signature import describe_signature
from vae_tf.files import write_record
from vae_tf.models.portable import portable
from vae_tf.models.vae import VAE
from vae_tf.paths import plain_path
from vae_tf.sums import write_sums
from vae_tf.training.runs import LoadedRun

__all__ = ["GraphFile", "GraphFiles", "GraphReport", "export_graphs"]

_NUM_DRAWN = 16


@dataclass(frozen=True)
class GraphFile:
    """One file.

    Attributes:
        file: its name.
        num_bytes: its size.
        comparison: with the SavedModel.
    """

    file: str
    num_bytes: int
    comparison: Comparison


@dataclass(frozen=True)
class GraphReport:
    """What was written.

    Attributes:
        form: the format's name.
        runtime: its runtime, for people.
        examples: what the files were compared on.
        files: by signature.
        not_converted: signatures that have none, and why.
    """

    form: str
    runtime: str
    examples: str
    files: dict[str, GraphFile]
    not_converted: dict[str, str]


class GraphFiles:
    """Writes a file a signature, and `manifest.json`, below the folder of a SavedModel: a model server passes them over.

    Args:
        form: the format.
        rows: what the files are compared on; None: what the model makes of its prior.

    Attributes:
        form: the same.
        rows: the same.

    Raises:
        UserValueError: the converter is not installed.
    """

    def __init__(self, form: GraphFormat, rows: RealRows | None = None) -> None:
        form.check_installed()
        self.form, self.rows = form, rows

    def __call__(self, path: Path, vae: VAE, spec: DatasetSpec) -> GraphReport:
        """Write them.

        Args:
            path: of a complete SavedModel.
            vae: the model.
            spec: how raw values become model inputs and back.

        Raises:
            UserValueError: none could be written.
        """
        folder, rows = path / self.form.name, self.rows or _drawn(vae, spec)
        folder.mkdir()
        files: dict[str, GraphFile] = {}
        left: dict[str, str] = {}
        described: dict[str, Any] = {}
        with plain_path(path) as plain, portable():
            servable = tf.saved_model.load(plain)
            check = GraphCheck(self.form, servable.signatures, spec, rows, TOLERANCE[precision_of(vae)])
            for one in graph_signatures(vae, spec):
                name = one.served.name
                try:
                    files[name] = _write(self.form, folder, one, check)
                except NotConvertedError as error:
                    left[name] = str(error)
                else:
                    described[name] = describe_signature(one.converted or one.served)
        if not files:
            told = "; ".join(f"{name}: {reason}" for name, reason in left.items())
            raise UserValueError(f"{self.form.title} holds none of the signatures. {told}.")
        report = GraphReport(self.form.name, self.form.runtime, rows.title, files, left)
        write_record(folder / "manifest.json", _manifest(self.form, report, described, spec))
        return report


def _write(form: GraphFormat, folder: Path, one: GraphSignature, check: GraphCheck) -> GraphFile:
    if one.converted is None:
        raise NotConvertedError(one.reason)
    content = form.convert(one.converted)
    comparison = check.compare(one, content)
    file = folder / f"{one.served.name}{form.suffix}"
    file.write_bytes(content)
    return GraphFile(file.name, len(content), comparison)


def _drawn(vae: VAE, spec: DatasetSpec) -> RealRows:
    functions = served_functions(vae, spec)
    seeds, heat = tf.range(_NUM_DRAWN, dtype=tf.int64), tf.ones([_NUM_DRAWN])
    label = (tf.zeros([_NUM_DRAWN], tf.int64),) if vae.latent.num_labels else ()
    x = functions.sample(seeds, heat, *label)["x"].numpy()
    return RealRows(x, np.zeros(_NUM_DRAWN, np.int64), f"{_NUM_DRAWN} draws from the prior")


def _manifest(form: GraphFormat, report: GraphReport, described: Mapping[str, Any], spec: DatasetSpec) -> dict[str, Any]:
    return {
        "format": 1,
        **form.about(),
        "signatures": {name: {**described[name], **asdict(file)} for name, file in report.files.items()},
        "not_converted": report.not_converted,
        "examples": report.examples,
        "dataset": spec.model_dump(mode="json"),
    }


def export_graphs(
    loaded: LoadedRun, output: str | Path, name: str | None, check: bool, keep: int | None, files: GraphFiles
) -> Exported:
    """Write files without a SavedModel, as the next version below `NAME-FORMAT`, where no model server looks for one.

    Args:
        loaded: the run.
        output: the folder of all servables.
        name: the servable's name; default: the dataset's.
        check: as of `export_run`.
        keep: remove the oldest versions beyond so many.
        files: writes them.

    Raises:
        UserError: as `export_run`.
    """
    with tempfile.TemporaryDirectory(prefix="vae_tf-export-") as folder:
        done = export_run(loaded, folder, name, check, None, (files,))

        def move(temporary: Path) -> None:
            shutil.copytree(done.path / files.form.name, temporary, dirs_exist_ok=True)
            write_sums(temporary)

        path, _, removed = write_next(Path(output) / f"{done.path.parent.name}-{files.form.name}", move, keep)
        return Exported(path, done.checks, removed, done.beside)
