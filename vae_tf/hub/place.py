"""Place: where a run is kept for others."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from vae_tf.errors import MachineError, reason_of

__all__ = ["LostPlaceError", "Place", "Sent", "bare_url", "safe_line"]

_TOKEN = re.compile(r"\b(?:hf|api)_[A-Za-z0-9]{6,}")
_LONGEST = 300


class LostPlaceError(MachineError):
    """A server that does not answer, or fails: what has come so far stays, and the same command goes on.

    Example:
        >>> LostPlaceError.exit_code
        1
    """


@dataclass(frozen=True)
class Sent:
    """What became of a push.

    Attributes:
        where: the place, as a person opens it.
        revision: by which exactly this can be pulled; empty where a place keeps one state alone.
        is_private: whether others cannot see it; None where the place does not say.
    """

    where: str
    revision: str = ""
    is_private: bool | None = None


class Place(ABC):
    """Somewhere that files are pushed to and pulled from, all of them together.

    Attributes:
        url: as a person wrote it, without what is secret in it.
    """

    url: str

    @property
    def name(self) -> str:
        """The last part of the URL, as a folder may be called."""
        return re.sub(r"[^\w.-]+", "_", self.url.rstrip("/").rsplit("/", 1)[-1].partition("@")[0]).strip("_.-") or "run"

    @property
    def address(self) -> str:
        """What others pull it by, as the model card has it."""
        return self.url

    @abstractmethod
    def check_free(self, public: bool) -> None:
        """Check that a push can go there, before any work is done.

        Args:
            public: whether everybody may see it.

        Raises:
            UserError: it cannot, or it would be seen by more people than was said.
            LostPlaceError: it does not answer.
        """

    @abstractmethod
    def send(self, folder: Path, names: Sequence[str], title: str, public: bool) -> Sent:
        """Bring files there: all of them, or none that anybody would pull.

        Args:
            folder: that has them.
            names: of the files, from there; `SHA256SUMS` is the last.
            title: of the push, for people.
            public: whether everybody may see it, where it is a new place.

        Raises:
            UserError: there is no right to.
            LostPlaceError: it does not answer.
        """

    @abstractmethod
    def pin(self) -> str:
        """Hold to what is there now, and return what tells that state; empty where a place keeps one state alone.

        Raises:
            UserError: there is nothing, or no right to see it.
            LostPlaceError: it does not answer.
        """

    @abstractmethod
    def fetch(self, name: str, folder: Path) -> None:
        """Bring one file into a folder, below its name.

        Raises:
            FileNotFoundError: there is no such file.
            UserError: there is no right to, or the disk cannot take it.
            LostPlaceError: it does not answer.
        """


def bare_url(url: str) -> str:
    """Return a URL without user, password and query, in which secrets are.

    Example:
        >>> bare_url("ftp://me:secret@host:21/runs/a?signature=x"), bare_url("s3://bucket/a")
        ('ftp://host:21/runs/a', 's3://bucket/a')
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def safe_line(error: object, *secrets: str | None) -> str:
    """Return what an error says in one line, without tokens.

    Args:
        error: of a library.
        *secrets: what must not be told.

    Example:
        >>> safe_line("bad token hf_abcdefghijk, or open sesame", "open sesame")
        'bad token ***, or ***'
    """
    text = _TOKEN.sub("***", reason_of(error))
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return reason_of(text, _LONGEST)
