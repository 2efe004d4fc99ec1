"""The examples that a command is about: the run's own, or others that are read as its own were."""

from typing import TYPE_CHECKING, Annotated

import typer

from vae_tf.cli.common import open_data, tell
from vae_tf.cli.score import load_like

if TYPE_CHECKING:
    from vae_tf.data.pipeline import Dataset
    from vae_tf.training.runs import LoadedRun

__all__ = ["OtherDataOption", "OtherSplitOption", "load_asked"]

OtherDataOption = Annotated[str | None, typer.Option(help="What else: as --dataset of train; default: the run's own data.")]
OtherSplitOption = Annotated[str | None, typer.Option(help="train, validation or test; default: test, or all of --data.")]


def load_asked(loaded: "LoadedRun", data: str | None, split: str | None) -> "tuple[Dataset, list[str]]":
    """Load examples, tell what there is to be told of others, and choose the splits.

    Args:
        loaded: the run.
        data: other data, as `--dataset` of `train`; of a run on a table any FILE. None: the run's own.
        split: one of them; default: the test split of the run's own data, all of others.

    Raises:
        UserValueError: the data are not such as the run's, or there is no such split.
        UserFileError: a file is missing or damaged.
    """
    if data is None:
        own = open_data(loaded)
        own.split(split or "test")
        return own, [split or "test"]
    examples = load_like(loaded, data)
    for note in examples.notes:
        tell(note)
    if split is not None:
        examples.split(split)
        return examples, [split]
    return examples, [name for name, one in examples.splits.items() if one.num_examples]
