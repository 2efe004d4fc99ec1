"""Whether the records of a folder agree with each other, as far as they are good themselves."""

import os
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from vae_tf.artifacts import RunDirectory
from vae_tf.checking.files import BAD
from vae_tf.config_sources import load_config_file
from vae_tf.failures import system_reason
from vae_tf.files import read_record
from vae_tf.training.checkpoints import CheckpointStore, read_header

__all__ = ["run_disagreements", "search_disagreements", "version_disagreements"]

Told = Iterator[tuple[str, str]]
"""Files, and what they disagree on."""
_SHARD = re.compile(r"variables/variables\.data-(\d{5})-of-(\d{5})")
_TABLE_END = bytes.fromhex("57fb808b247547db")
"""How a table of names and places ends, as the index of a checkpoint is one: LevelDB's."""


def run_disagreements(folder: Path, states: Mapping[str, str]) -> Told:
    """Compare checkpoints, results, metrics and settings of a run.

    Args:
        folder: of the run.
        states: of its files; only those that are well are compared.
    """
    store, good = CheckpointStore(folder / "checkpoints"), _good(states)
    headers = {epoch: read_header(store.path(epoch)) for epoch in store.epochs() if _name(store, epoch) in good}
    for epoch, header in headers.items():
        if header["state"]["epoch"] != epoch:
            yield _name(store, epoch), f"it holds the state of epoch {header['state']['epoch']}"
        if header["shapes"] != headers[max(headers)]["shapes"]:
            yield _name(store, epoch), "its variables are others than the newest checkpoint's"
    if not headers or any(name.startswith("checkpoints/") and states[name] in BAD for name in states):
        return
    state = headers[max(headers)]["state"]
    yield from _model_epoch(store, state, _select(folder, good))
    yield from _numbers(folder, good, state["epoch"])


def _good(states: Mapping[str, str]) -> Set[str]:
    return {name for name, state in states.items() if state not in BAD}


def _name(store: CheckpointStore, epoch: int) -> str:
    return f"checkpoints/{store.path(epoch).name}"


def _select(folder: Path, good: Set[str]) -> str:
    config = load_config_file(folder / "config.yaml") if "config.yaml" in good else {}
    return str((config.get("training") or {}).get("select", "best"))


def _model_epoch(store: CheckpointStore, state: dict[str, Any], select: str) -> Told:
    model = state["epoch"] if select == "last" else state["best_epoch"]
    if model not in store.epochs():
        yield _name(store, model), "the model is of this epoch"


def _numbers(folder: Path, good: Set[str], epoch: int) -> Told:
    run = RunDirectory(folder)
    if "results.json" in good:
        results = read_record(run.results_file)
        if results.get("epochs") != epoch:
            yield "results.json", f"it is of {results.get('epochs')} epochs, the newest checkpoint of {epoch}"
    if "metrics.jsonl" in good and epoch > 0 and epoch not in {line["epoch"] for line in run.read_metrics()}:
        yield "metrics.jsonl", f"it lacks epoch {epoch}, of which there is a checkpoint"


def search_disagreements(folder: Path, states: Mapping[str, str]) -> Told:
    """Compare the tuner's state with the trials that it knows."""
    good = _good(states)
    ended = read_record(folder / "oracle" / "oracle.json").get("end_order", []) if "oracle/oracle.json" in good else []
    settings = load_config_file(folder / "search.yaml") if "search.yaml" in good else {}
    for trial in ended:
        if not (folder / "oracle" / f"trial_{trial}" / "trial.json").exists():
            yield f"oracle/trial_{trial}/trial.json", "the tuner's state says that the trial ended"
        for execution in range(1, int(settings.get("executions", 1)) + 1):
            if not (folder / "trials" / f"{trial}-{execution}" / "trial.json").exists():
                yield f"trials/{trial}-{execution}/trial.json", "the tuner's state says that the trial ended"


def version_disagreements(folder: Path, states: Mapping[str, str]) -> Told:
    """Compare the manifest's signatures with those of the SavedModel, and look for the files of its variables."""
    good = _good(states)
    yield from _half_copied(folder, states)
    if "saved_model.pb" not in good:
        return
    try:
        served = _signatures(folder / "saved_model.pb")
    except Exception as error:
        if isinstance(error, MemoryError) or system_reason(error) is not None:
            raise
        yield "saved_model.pb", "it holds no SavedModel"
        return
    if "assets.extra/manifest.json" in good:
        written = read_record(folder / "assets.extra" / "manifest.json").get("signatures", {})
        told = {name: sorted(one["inputs"]) for name, one in written.items()}
        if told != served:
            differ = sorted(name for name in {*told, *served} if told.get(name) != served.get(name))
            yield "assets.extra/manifest.json", f"its signatures are not the SavedModel's: {', '.join(differ)}"


def _half_copied(folder: Path, states: Mapping[str, str]) -> Told:
    """Name the files of variables that a copy lacks, or has not to their ends; sums tell more, where they are."""
    index = "variables/variables.index"
    shards = [_SHARD.fullmatch(name) for name in states]
    total = max((int(shard[2]) for shard in shards if shard), default=1)
    wanted = [f"variables/variables.data-{number:05d}-of-{total:05d}" for number in range(total)]
    yield from ((name, "the SavedModel's variables are in it") for name in (index, *wanted) if name not in states)
    if states.get(index) not in (None, *BAD):
        with (folder / index).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - len(_TABLE_END)))
            if file.read() != _TABLE_END:
                yield index, "its end is missing"


def _signatures(path: Path) -> dict[str, list[str]]:
    """Return the names of inputs by signature; `SavedModel` is a schema version and graphs, which TensorBoard knows too."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from tensorboard.compat.proto import meta_graph_pb2

    graph = meta_graph_pb2.MetaGraphDef.DESCRIPTOR
    file = descriptor_pb2.FileDescriptorProto(name="vae_tf/saved_model.proto", syntax="proto3", dependency=[graph.file.name])
    message = file.message_type.add(name="SavedModel")
    message.field.add(name="meta_graphs", number=2, type=11, label=3, type_name=f".{graph.full_name}")
    pool = descriptor_pool.Default()
    kind = message_factory.GetMessageClass(_known(pool, file))
    with path.open("rb") as opened:
        saved = kind.FromString(opened.read())
    graphs: Any = saved.meta_graphs
    return {name: sorted(one.inputs) for name, one in graphs[0].signature_def.items() if not name.startswith("__")}


def _known(pool: Any, file: Any) -> Any:
    try:
        return pool.FindMessageTypeByName("SavedModel")
    except KeyError:
        pool.Add(file)
        return pool.FindMessageTypeByName("SavedModel")
