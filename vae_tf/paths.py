"""Paths as others can take them, and the versions in a folder."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["list_versions", "plain_path"]

_OF_PATTERNS = set("*?[]{}\\")


def list_versions(folder: str | Path) -> list[int]:
    """Return the versions below a servable's folder, in order: the children whose names are integers."""
    folder = Path(folder)
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal()) if folder.is_dir() else []


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
