"""Examples of one's own, given to a command: a line of text, a picture, a file of rows; read as the run's own were."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vae_tf.cli.common import tell
from vae_tf.cli.score import load_like
from vae_tf.errors import UserError, UserFileError, UserValueError

if TYPE_CHECKING:
    from vae_tf.training.runs import LoadedRun

__all__ = ["OwnExamples", "read_own_examples"]


class OwnExamples(NamedTuple):
    """Examples as a model takes them.

    Attributes:
        x: float32 [N, *event_shape], in the model's units.
        labels: int [N], -1 where there is none.
        names: what each is called: the text itself, a file, a row of a file.
    """

    x: Any
    labels: Any
    names: list[str]


def read_own_examples(loaded: "LoadedRun", given: Sequence[str]) -> OwnExamples:
    """Read examples of one's own; what there is to be told of them is told.

    Args:
        loaded: the run.
        given: of a run on texts the texts themselves; of others files: pictures, or what `--data` of `score` takes.

    Raises:
        UserValueError: one is empty, or not such as the run's examples.
        UserFileError: a file is missing or damaged.
    """
    import numpy as np

    parts = [_texts(loaded, given)] if loaded.spec.is_text else [_of_file(loaded, name) for name in given]
    names = [name for part in parts for name in part.names]
    return OwnExamples(np.concatenate([part.x for part in parts]), np.concatenate([part.labels for part in parts]), names)


def _texts(loaded: "LoadedRun", given: Sequence[str]) -> OwnExamples:
    """Read texts as the training texts were."""
    import numpy as np

    from vae_tf.data.splits import NO_LABEL
    from vae_tf.data.text import describe_texts, tokens_of
    from vae_tf.data.text_files import clean_text

    texts = [clean_text(text, loaded.spec.normalization) for text in given]
    if not all(texts):
        raise UserValueError(f"A text must have letters. Received: {given[texts.index('')]!r}.")
    tokens = tokens_of(loaded.spec, texts)
    for note in describe_texts(loaded.spec, [tokens], "the training texts do not have them"):
        if note.is_warning:
            tell(note)
    return OwnExamples(tokens.x, np.full(len(texts), NO_LABEL), texts)


def _of_file(loaded: "LoadedRun", name: str) -> OwnExamples:
    """Read a picture, or all examples of other data."""
    from vae_tf.data.pictures import SUFFIXES
    from vae_tf.files import what_is

    if not (loaded.spec.is_image and Path(name).suffix.lower() in SUFFIXES):
        return _of_data(loaded, name, name)
    if not Path(name).is_file():
        raise UserFileError(f"An example must name a picture. Received: {name!r}, {what_is(Path(name))}.")
    with tempfile.TemporaryDirectory(prefix="vae_tf-given-") as folder:  # pictures are read by the folder
        link = Path(folder, Path(name).name)
        link.symlink_to(Path(name).absolute())
        try:
            return _of_data(loaded, f"folder:{folder}", name)
        except UserError as error:
            raise type(error)(str(error).replace(str(link), name).replace(folder, str(Path(name).parent))) from error


def _of_data(loaded: "LoadedRun", data: str, name: str) -> OwnExamples:
    import numpy as np

    from vae_tf.data.pipeline import gather_examples

    examples = load_like(loaded, data)
    for note in examples.notes:
        if note.is_warning:
            tell(note)
    parts = {split: one for split, one in examples.splits.items() if one.num_examples}
    found = [gather_examples(examples, split, one.num_examples) for split, one in parts.items()]
    x, labels = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    names = [name] if len(x) == 1 else [f"{name}, {row}" for row in range(len(x))]
    return OwnExamples(x, labels, names)
