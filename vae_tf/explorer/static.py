"""The page as a folder that any host shows: points as files, and signatures as ONNX files that the browser runs itself."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae_tf.data.raw_column import GAPS
from vae_tf.data.reading import AS_BEFORE
from vae_tf.data.served import served_names
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.escaping import json_ready
from vae_tf.explorer.app import PAGE
from vae_tf.explorer.examples import row_json
from vae_tf.explorer.subject import Subject
from vae_tf.export.onnx_graph import Onnx
from vae_tf.files import atomic_directory, read_json, write_json
from vae_tf.paths import list_versions
from vae_tf.program import command_line

__all__ = ["MOST_STATIC", "check_static", "write_static"]

MOST_STATIC = 3_000
"""Examples on the map of such a page: each is in its files."""
_NEEDED = ("encode", "decode", "reconstruct")
_USED = (*_NEEDED, "score", "sample")
_OF_PAGE = ("*.js", "*.html", "*.css", "*.svg", "vendor/*")
_HEAD = '<meta name="viewport"'
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'"
)
"""What the page may do; a host may send a narrower policy, this one sends none."""


def check_static(subject: Subject) -> None:
    """Find out whether a model can be looked into without a server.

    Raises:
        UserValueError: it cannot, and why.
    """
    manifest = _manifest_file(subject)
    if manifest is None or not manifest.is_file():
        raise UserValueError(
            f"{subject.title} has no ONNX files, which a page without a server runs. "
            f"Give the run itself, or write them with `{command_line('export', 'RUN', '--format', 'all')}`."
        )
    told = read_json(manifest)
    lacking = [
        f"{name}: {told['not_converted'].get(name, 'it was not written')}" for name in _NEEDED if name not in told["signatures"]
    ]
    if lacking:
        raise UserValueError(
            f"{subject.title} cannot be looked into without a server: ONNX does not hold all of it ({'; '.join(lacking)}). "
            "Leave --static away: the page then asks a server of this machine."
        )


def write_static(subjects: Sequence[Subject], folder: Path) -> None:
    """Write the page, the points of served models, which must be complete, and their ONNX files.

    Args:
        subjects: the models.
        folder: where to; it appears when it is complete.

    Raises:
        UserValueError: a model cannot be looked into without a server.
        UserFileError: the folder is there already, or cannot be written.
    """
    with atomic_directory(folder) as temporary:
        _copy_page(temporary)
        told = [_write_subject(subject, temporary / "data" / subject.key) for subject in subjects]
        write_json(temporary / "data" / "models.json", json_ready(told))


def _copy_page(folder: Path) -> None:
    (folder / "vendor").mkdir()
    for pattern in _OF_PAGE:
        for file in PAGE.glob(pattern):
            shutil.copyfile(file, folder / file.relative_to(PAGE))
    for file in (PAGE / "static").iterdir():
        shutil.copyfile(file, folder / file.name)
    page = (PAGE / "index.html").read_text("utf-8")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    (folder / "index.html").write_text(page.replace(_HEAD, policy + _HEAD), "utf-8")


def _write_subject(subject: Subject, folder: Path) -> dict[str, Any]:
    """Write a model's points and files; return what the page begins with."""
    check_static(subject)
    folder.mkdir(parents=True)
    manifest = _manifest_file(subject)
    told = read_json(manifest)
    for name in [one for one in _USED if one in told["signatures"]]:
        shutil.copyfile(manifest.parent / f"{name}.onnx", folder / f"{name}.onnx")
    points = subject.points
    if points:
        inputs, count = points.examples.inputs, len(points.examples)
        arrays = {"codes": points.codes, "scores": points.scores, "labels": points.examples.labels.astype(np.int32)}
        for name, array in arrays.items():
            (folder / f"{name}.bin").write_bytes(np.ascontiguousarray(array).tobytes())
        write_json(folder / "points.json", json_ready(points.summary))
        write_json(folder / "examples.json", json_ready([row_json(inputs, place) for place in range(count)]))
    return {**subject.summary(), **_signatures(subject, told), **_data(DatasetSpec.model_validate(told["dataset"]))}


def _signatures(subject: Subject, told: dict[str, Any]) -> dict[str, Any]:
    """Return what can be asked, in the names of the page, and the files that answer."""
    known, files = subject.description, {name: told["signatures"][name] for name in _USED if name in told["signatures"]}
    forms = [name for file in files for name in (file, f"{file}_text") if name in known.signatures]
    return {
        "signatures": {name: known.signatures[name] for name in forms},
        "outputs": {name: known.outputs[name] for name in forms},
        "files": {name: {"file": file["file"], "inputs": file["inputs"]} for name, file in files.items()},
    }


def _data(spec: DatasetSpec) -> dict[str, Any]:
    """Return how what people read becomes numbers, and how pictures are read."""
    names = served_names([column.name for column in spec.columns])
    cells = [
        {
            "input": name,
            "name": column.name,
            "words": column.words,
            "date": column.date_format,
            "step": column.date_step,
            "whole": column.is_whole,
            "decimals": column.decimals,
            "low": column.low,
            "high": column.high,
        }
        for name, column in zip(names, spec.columns, strict=True)
    ]
    return {
        "cells": cells if spec.is_mixed else None,
        "gaps": sorted(GAPS.union(spec.missing)),
        "vocabulary": list(spec.vocabulary) if spec.is_text else None,
        "reading": (spec.reading or AS_BEFORE).model_dump(include={"fit", "background"}),
    }


def _manifest_file(subject: Subject) -> Any:
    """Return the description of the newest version's ONNX files; None where the model is served elsewhere."""
    if subject.folder is None:
        return None
    return subject.folder / str(max(list_versions(subject.folder))) / Onnx.name / "manifest.json"
