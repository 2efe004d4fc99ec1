"""What a push is made of: names of files that are taken, and no others."""

import re
from collections.abc import Iterable

from vae_tf.errors import DamagedFileError
from vae_tf.sums import SUMS

__all__ = ["CARD", "SERVABLE", "check_names", "is_of_push"]

CARD = "README.md"
"""The model card; it has no sum, for people write on in it."""
SERVABLE = "servable"
_WORD = r"[\w][\w.+-]*"
_VERSION = rf"{SERVABLE}/{_WORD}/\d+"
_LAYOUT = re.compile(
    "|".join(
        (
            r"config\.yaml|metrics\.jsonl|(?:dataset|environment|results)\.json",
            r"checkpoints/epoch-\d+\.npz",
            rf"pictures/{_WORD}\.png",
            rf"parts/(?:{_WORD}\.py|{SUMS})",
            rf"{_VERSION}/(?:saved_model\.pb|fingerprint\.pb|{SUMS}|variables/variables\.(?:index|data-\d+-of-\d+))",
            rf"{_VERSION}/(?:assets/{_WORD}|assets\.extra/(?:manifest\.json|tf_serving_warmup_requests))",
        )
    )
)


def is_of_push(name: str) -> bool:
    """Return whether a file is one that a push has.

    Example:
        >>> is_of_push("checkpoints/epoch-00003.npz"), is_of_push("servable/digits/1/saved_model.pb"), is_of_push("README.md")
        (True, True, True)
        >>> is_of_push("../.bashrc"), is_of_push("model.pkl"), is_of_push("setup.py"), is_of_push("LICENSE")
        (False, False, False, False)
    """
    return name in {CARD, SUMS} or _LAYOUT.fullmatch(name) is not None


def check_names(names: Iterable[str], place: str) -> None:
    """Check names that somebody else wrote: a path out of the folder, a pickle, a script are none of a push.

    Args:
        names: of files.
        place: where they are, for the message.

    Raises:
        DamagedFileError: one is not.
    """
    names = list(names)
    for name in names:
        if not is_of_push(name):
            raise DamagedFileError(
                f"{place} is no push of this program: it names {name!r}, which no push has. Nothing is kept."
            )
    if len({name.casefold() for name in names}) < len(names):
        raise DamagedFileError(f"{place} is no push of this program: names in it differ by capital letters alone.")
