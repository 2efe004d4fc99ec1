"""Embedded data sets: made on this machine by a TFDS builder, in the folder asked for or a temporary one."""

import atexit
import functools
import io
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

from vae_tf.data.tfds_builders import prepare, quiet
from vae_tf.errors import UserFileError

__all__ = ["prepare_embedded"]


def prepare_embedded(make_builder: Callable[..., Any], data_dir: str | None) -> str:
    """Prepare a dataset where it is not, and return the folder it is in.

    Args:
        make_builder: the builder's class.
        data_dir: the folder of prepared data sets; None for TFDS' own. Where it cannot be written, a temporary folder
            takes its place until the process ends.

    Raises:
        UserFileError: neither folder can be written.
    """
    with quiet(io.StringIO()):
        try:
            return _prepare_in(make_builder, data_dir)
        except (UserFileError, OSError):
            return _prepare_in(make_builder, _temporary_folder())


def _prepare_in(make_builder: Callable[..., Any], data_dir: str | None) -> str:
    builder = make_builder(data_dir=data_dir)
    if not builder.data_path.exists():
        prepare(builder, progress=False)
    return str(builder.data_dir_root)


@functools.cache
def _temporary_folder() -> str:
    folder = tempfile.mkdtemp(prefix="vae_tf_")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
