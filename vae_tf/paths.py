"""Paths as others can take them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["plain_path"]

_OF_PATTERNS = set("*?[]{}\\")


@contextmanager
def plain_path(path: str | Path) -> Iterator[str]:
    """Give a path that TensorFlow takes for no pattern: a temporary link, where brackets and the like are in the path itself.

    Example:
        >>> with plain_path("saved_models/digits/1") as plain, plain_path("models [old]/digits/1") as linked:
        ...     plain, "[" in linked
        ('saved_models/digits/1', False)
    """
    whole = Path(path).absolute()
    if not _OF_PATTERNS & set(str(whole)):
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="vae_tf-") as folder:
        link = Path(folder) / "link"
        link.symlink_to(whole)
        yield str(link)
