"""What was pulled, looked at before it takes its place: nothing of it is executed, and nothing that could execute is kept."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vae_tf.checking import check_folder
from vae_tf.data.array_files import array_header
from vae_tf.errors import DamagedFileError
from vae_tf.hub.layout import SERVABLE
from vae_tf.quiet import quiet_imports

__all__ = ["check_arrival", "foreign_operations"]

_FOREIGN = re.compile(
    "PyFunc|CustomCall|RemoteCall|Rpc|_Send|_Recv|Collective"  # other programs
    "|ReadFile|WriteFile|MatchingFiles|TextFile|Reader|SummaryWriter|DebugIdentity|PrintV2"  # files and streams
    "|TextLine|RecordDataset|SqlDataset|LoadDataset|SaveDataset|Snapshot"
)
_SAVING = re.compile("Save|Restore|MergeV2Checkpoints|CheckpointHasKey")
"""Operations that every SavedModel has, in the functions by which its variables are written and read, and nowhere else."""


def check_arrival(folder: Path, place: str) -> None:
    """Check that a pulled folder is whole, and that there are numbers where numbers should be.

    Args:
        folder: where it is.
        place: where it comes from, for the message.

    Raises:
        DamagedFileError: a file does not open, is not what was pushed, holds objects, or a graph that does more than compute.
    """
    for row in check_folder(folder).bad:
        raise DamagedFileError(f"{place}: {row.file} is not what was pushed: {row.reason}. Nothing is kept.")
    for path in sorted(folder.glob("checkpoints/*.npz")):
        if not _holds_numbers(path):
            raise DamagedFileError(f"{place}: {path.name} holds objects, not numbers: they are not read. Nothing is kept.")
    for path in sorted(folder.glob(f"{SERVABLE}/*/*/saved_model.pb")):
        if found := sorted(set(foreign_operations(path))):
            raise DamagedFileError(
                f"{place}: the graph of {path.relative_to(folder)} does more than compute: {', '.join(found)}. Nothing is kept."
            )


def _holds_numbers(path: Path) -> bool:
    """Return whether every array of an archive is of plain numbers, by their headers alone."""
    with zipfile.ZipFile(path) as archive:
        return all(_is_of_numbers(archive, name) for name in archive.namelist())


def _is_of_numbers(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as file:
        try:
            return not array_header(file)[1].hasobject
        except ValueError:
            return False


def foreign_operations(path: Path) -> Iterator[str]:
    """Give the names of operations of a SavedModel that call Python or other programs, or read or write files.

    Args:
        path: of its `saved_model.pb`.

    Raises:
        DamagedFileError: it does not open.
    """
    with quiet_imports():
        from google.protobuf.message import DecodeError
        from tensorflow.core.protobuf import saved_model_pb2
    try:
        saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except DecodeError as error:
        raise DamagedFileError(f"{path} is damaged: it holds no graph.") from error
    for graph in saved.meta_graphs:
        yield from _foreign(graph.graph_def.node, False)
        for function in graph.graph_def.library.function:
            name = function.signature.name
            yield from _foreign(function.node_def, name.startswith(("__inference__traced_save", "__inference__traced_restore")))


def _foreign(nodes: Any, saves: bool) -> Iterator[str]:
    return (node.op for node in nodes if _FOREIGN.search(node.op) or (not saves and _SAVING.match(node.op)))
