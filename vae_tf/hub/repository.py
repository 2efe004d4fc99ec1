"""A repository of models on the Hugging Face Hub, or on a server that speaks its API (`HF_ENDPOINT`)."""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from vae_tf.errors import UserError, UserFileError, UserValueError
from vae_tf.failures import disk_failure, system_reason
from vae_tf.hub.layout import is_of_push
from vae_tf.hub.place import LostPlaceError, Place, Sent, safe_line

__all__ = ["Repository"]

_URL = re.compile(r"hf://(?P<repository>[\w.-]+/[\w.-]+?)/?(?:@(?P<revision>[\w./-]+))?")
_LOG_IN = "A private one needs a token: `hf auth login`, or the environment variable HF_TOKEN"
_UNSAID = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
"""What the library is told where nobody else has: nothing goes elsewhere."""


class Repository(Place):
    """A repository, `hf://USER/NAME`, or a state of it, `hf://USER/NAME@REVISION`: a push is one commit.

    Args:
        url: of the repository.

    Raises:
        UserValueError: it is no such URL.

    Example:
        >>> Repository("hf://me/digits@v1").name
        'digits'
    """

    def __init__(self, url: str) -> None:
        found = _URL.fullmatch(url)
        if not found:
            raise UserValueError(f"A repository is named as hf://USER/NAME, or hf://USER/NAME@REVISION. Received: {url}.")
        self.url, self._id, self._revision = url, found["repository"], found["revision"]
        self._commit = ""
        for name, value in _UNSAID.items():
            os.environ.setdefault(name, value)
        import huggingface_hub
        from huggingface_hub.utils import disable_progress_bars

        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        self._library: Any = huggingface_hub
        disable_progress_bars()

    @cached_property
    def _api(self) -> Any:
        return self._library.HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, library_name="vae_tf")

    def check_free(self, public: bool) -> None:
        """Check that there is a token, and that nobody sees more than was said.

        Raises:
            UserValueError: there is no token, a revision is named, or the repository is public and nobody said so.
            LostPlaceError: the server does not answer.
        """
        if self._revision:
            raise UserValueError(f"A push goes to the newest state: hf://{self._id}. Received: {self.url}.")
        if not self._library.get_token():
            raise UserValueError(f"To push to {self.url} needs a token that may write: `hf auth login`, or HF_TOKEN.")
        found = self._look()
        if found is not None and not found.private and not public:
            raise UserValueError(f"{self.url} is public: everybody can see what is pushed. If that is wanted, add --public.")

    def _look(self) -> Any:
        """Return what the server says of the repository; None where it is not there, or may not be seen."""
        try:
            with self._asked():
                return self._api.model_info(self._id)
        except UserFileError as error:
            if "RepositoryNotFoundError" in _kinds(error.__cause__):
                return None
            raise

    def send(self, folder: Path, names: Sequence[str], title: str, public: bool) -> Sent:
        """Make one commit of the files; those of an earlier push that are no more are removed by it, others stay.

        Raises:
            UserError: there is no right to, or the server does not take it.
            LostPlaceError: the server does not answer.
        """
        add, delete = self._library.CommitOperationAdd, self._library.CommitOperationDelete
        with self._asked():
            self._api.create_repo(self._id, private=not public, exist_ok=True)
            before = self._api.model_info(self._id)
            gone = {one.rfilename for one in before.siblings or ()} - {*names}
            operations = [add(path_in_repo=name, path_or_fileobj=str(folder / name)) for name in names]
            operations += [delete(path_in_repo=name) for name in sorted(gone) if is_of_push(name)]
            done = self._api.create_commit(self._id, operations, commit_message=title, parent_commit=before.sha)
        return Sent(f"{self._api.endpoint}/{self._id}", done.oid, bool(before.private))

    def pin(self) -> str:
        """Hold to the commit that the revision is now: what is pushed meanwhile does not mix in.

        Raises:
            UserFileError: there is no such repository or revision, or no right to see it.
            LostPlaceError: the server does not answer.
        """
        with self._asked():
            self._commit = str(self._api.model_info(self._id, revision=self._revision).sha)
        return self._commit

    def fetch(self, name: str, folder: Path) -> None:
        """Bring one file; what was interrupted in it goes on.

        Raises:
            FileNotFoundError: there is no such file.
            UserError: there is no right to, or the disk cannot take it.
            LostPlaceError: the server does not answer.
        """
        with self._asked(folder / name):
            self._api.hf_hub_download(self._id, name, revision=self._commit or self._revision, local_dir=folder)

    @contextmanager
    def _asked(self, target: Path | None = None) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # of the library, of HTTP, of the disk
            raise self._told(error, target) from error

    def _told(self, error: Exception, target: Path | None) -> Exception:
        """Return the error that tells a person what the library's does."""
        first = _first_known(error)
        kinds, response = _kinds(first), getattr(first, "response", None)
        if target and response is None and not kinds & _KNOWN and system_reason(first) is not None and "HTTPError" not in kinds:
            return disk_failure("write", target, first)
        said = safe_line(getattr(first, "server_message", None) or first, self._library.get_token())
        status = getattr(response, "status_code", None)
        if "EntryNotFoundError" in kinds and "LocalEntryNotFoundError" not in kinds:
            return FileNotFoundError(said)
        if kinds & {"RepositoryNotFoundError", "LocalTokenNotFoundError"} or status in {401, 403}:
            return UserFileError(f"{self.url} is not there, or your token has no right to it. {_LOG_IN}.")
        if "RevisionNotFoundError" in kinds:
            return UserFileError(f"{self.url} has no such revision: see the repository's branches, tags and commits.")
        if isinstance(first, ValueError) or "OfflineModeIsEnabled" in kinds or status in _NOT_TAKEN:
            return UserValueError(f"{self.url} cannot be used so: {said}.")
        return LostPlaceError(f"{self._api.endpoint} did not answer: {said}. The same command goes on when it does.")


_NOT_TAKEN = {400, 404, 409, 410, 412, 413, 415, 422}
"""What the server says of a request that will be no better next time."""
_KNOWN = {"EntryNotFoundError", "OfflineModeIsEnabled", "LocalTokenNotFoundError", "ConnectionError"}


def _kinds(error: BaseException | None) -> set[str]:
    """Return the names of an error's classes: which library of HTTP is below changes from version to version."""
    return {kind.__name__ for kind in type(error).__mro__}


def _first_known(error: BaseException) -> BaseException:
    """Return what an error comes from, where the library wraps an answer of the server, a lost one or a failing disk."""
    one = error
    while getattr(one, "response", None) is None and one.__cause__ is not None:
        one = one.__cause__
    return one
