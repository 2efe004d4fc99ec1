"""From a name such as `mnist:3.0.1` to a prepared TFDS dataset on disk, or one line that says what to do."""

import contextlib
import difflib
import logging
import re
import socket
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any, TextIO

import tensorflow_datasets as tfds
from tensorflow_datasets.core.read_only_builder import builder_from_files

from vae_tf.config import refuse_bare_path
from vae_tf.errors import UserError, UserFileError, UserValueError, reason_of
from vae_tf.program import command_line

__all__ = ["open_builder", "prepare", "quiet"]

_NAME = re.compile(r"(?P<name>\w+)(/(?P<config>[\w.\-]+))?(:(?P<version>[\w.*]+))?")


@contextlib.contextmanager
def quiet(stream: TextIO | None = None) -> Iterator[None]:
    """Keep TFDS' prints off standard output and silence logs below an error.

    Args:
        stream: where the prints go; default: standard error.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(stream or sys.stderr):
            yield
    finally:
        logging.disable(disabled)


def open_builder(dataset: str, data_dir: str | None) -> Any:
    """Return the builder of a TFDS dataset that is ready to read; prepare it if it is not.

    Args:
        dataset: `name`, `name/config`, `name:version` or `name/config:version`.
        data_dir: the folder of prepared data sets; None for TFDS' own.

    Raises:
        UserValueError: there is no such dataset, configuration or version.
        UserFileError: it is not prepared and cannot be, or its folder is damaged.
    """
    with quiet():
        builder = _find_builder(dataset, data_dir)
        if not builder.data_path.exists():
            prepare(builder)
            builder = _find_builder(dataset, data_dir)
        if not builder.is_prepared() or not builder.info.splits:
            raise UserFileError(f"{builder.data_path} is not a complete TFDS dataset. Delete it and prepare {dataset} again.")
    return builder


def _find_builder(dataset: str, data_dir: str | None) -> Any:
    refuse_bare_path(dataset)
    match = _NAME.fullmatch(dataset)
    if not match:
        raise UserValueError(
            "data.dataset must be digits, a TFDS name (name, name/config, name:version), or a path with its form before it "
            f"(csv, text, folder, npz, sparse), as csv:PATH. Received: {dataset!r}, which is neither, and no file."
        )
    parts = {key: value for key, value in match.groupdict().items() if value}
    try:
        if parts["name"] in _known_names():
            return tfds.builder(dataset, data_dir=data_dir)
        return builder_from_files(**parts, data_dir=data_dir)
    except tfds.core.DatasetNotFoundError as error:
        refuse_bare_path(dataset, is_unknown=True)
        raise UserValueError(_unknown(parts["name"])) from error
    except (ValueError, AssertionError, OSError) as error:
        raise UserValueError(f"TFDS cannot open {dataset!r}: {_last_words(error)}.{_configs(parts['name'])}") from error


def _known_names() -> list[str]:
    """Return the registered names; community data sets would need the network to be listed."""
    return tfds.list_builders(with_community_datasets=False)


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, [*_known_names(), "digits"], n=1, cutoff=0.5)
    guess = f" Did you mean {close[0]!r}?" if close else ""
    return (
        f"There is no dataset {name!r}.{guess} Besides TFDS names there are digits, and paths with their form before them "
        f"(csv, text, folder, npz, sparse), as csv:PATH (`{command_line('datasets')}`)."
    )


def _configs(name: str) -> str:
    """List the configurations of a dataset that has some."""
    configs = list(tfds.builder_cls(name).builder_configs) if name in _known_names() else []
    return f" Its configurations: {', '.join(configs)}." if configs else ""


def _last_words(error: BaseException) -> str:
    """Return what an error of TFDS says, in one line, without what it put before."""
    text = reason_of(error)
    text = re.sub(r'^Failed to construct dataset "[^"]*", builder_kwargs "[^"]*": ', "", text)
    text = re.sub(r" Here are \d+ BuilderConfigs whose name closely match:.*", "", text)
    return reason_of(text, 300)


def prepare(builder: Any, progress: bool | None = None) -> None:
    """Download and prepare a dataset; that another process does the same at the same time is fine.

    Files that must be fetched by hand are looked for in `<data_dir>/downloads/manual`, as TFDS does.

    Args:
        builder: the TFDS builder.
        progress: whether to show progress bars on standard error; default: where that is a terminal.

    Raises:
        UserFileError: it failed; the message says what was tried and what to do.
    """
    tfds.display_progress_bar(enable=sys.stderr.isatty() if progress is None else progress)
    try:
        _refuse_unreachable(builder)
        builder.download_and_prepare()
    except Exception as error:  # TFDS and its data sets raise anything from AssertionError to zipfile.BadZipFile
        if not builder.is_prepared():  # else another process was faster
            raise UserFileError(_failure(builder, error)) from error


def _refuse_unreachable(builder: Any) -> None:
    """Raise at once where no name of a download server resolves: TFDS would try for minutes.

    Not where a proxy resolves names, or where files are fetched by hand or have been downloaded already.
    """
    hosts = {urllib.parse.urlsplit(url).hostname for url in builder.url_infos or ()} - {None}
    has_files = builder.MANUAL_DOWNLOAD_INSTRUCTIONS or any((builder.data_dir_root / "downloads").glob("*.*"))
    if not hosts or urllib.request.getproxies() or has_files:
        return
    unresolved = [host for host in sorted(map(str, hosts))[:3] if not _resolves(host)]
    if len(unresolved) == min(len(hosts), 3):
        raise UserFileError(f"no network: the name {unresolved[0]} does not resolve")


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True


def _failure(builder: Any, error: Exception) -> str:
    """Say what was tried and what to do."""
    root, name = builder.data_dir_root, "/".join(filter(None, [builder.name, builder.builder_config_name]))
    tried = f"{name} is not prepared in {root}, and preparing it failed: {_last_words(error)}."
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS and not isinstance(error, UserError):
        return f"{tried} Put the files it asks for in {root / 'downloads' / 'manual'} and try again."
    return (
        f"{tried} Prepare it on a machine with a network (`tfds build {name}`), copy the folder {builder.name!r} here "
        f"and pass the folder it is in with --data-dir."
    )
