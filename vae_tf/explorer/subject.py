"""Subject: one served model that is looked at: where it answers, what it is, its points."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vae_tf.explorer.description import Description, describe, drawn_inputs
from vae_tf.explorer.examples import Examples
from vae_tf.explorer.points import Points
from vae_tf.serving import Client

__all__ = ["Address", "Subject"]

_NUM_DRAWN = 500


@dataclass(frozen=True)
class Address:
    """Where a model answers.

    Attributes:
        server: `http://HOST:PORT` or `grpc://HOST:PORT`.
        model: its name there.
    """

    server: str
    model: str


@dataclass(eq=False)
class Subject:
    """One model on the page.

    Attributes:
        key: its name on the page, fit for a URL, different from others.
        title: its name for people.
        folder: of its versions, where it is served here; None: it is served elsewhere.
        address: where it answers; for one that is served here, once its server is up.
        examples: what the map shows; None: draws from the prior are shown.
        manifest: what lies beside its SavedModel; empty where that is not at hand.
        note: what is to be told of its data.
    """

    key: str
    title: str
    folder: Path | None = None
    address: Address | None = None
    examples: Examples | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    points: Points | None = None

    @cached_property
    def client(self) -> Client:
        """Return what asks the model, as fast as can be.

        Raises:
            RuntimeError: it is asked before it is served.
        """
        if self.address is None:
            raise RuntimeError(f"{self.key} is not served yet")
        return Client(self.address.server, self.address.model)

    @cached_property
    def description(self) -> Description:
        """Return what the model is."""
        most = (self.manifest.get("dataset") or {}).get("raw_range")
        return describe(self.client, float(most[1]) if most else None)

    def start(self) -> None:
        """Find out what the model is, and begin to encode its examples; without any, what it makes of its prior."""
        examples = self.examples
        if examples is None and (drawn := drawn_inputs(self.client, _NUM_DRAWN)):
            title = f"{_NUM_DRAWN:,} draws from the prior"
            examples = Examples(drawn, np.full(_NUM_DRAWN, -1), (), title)
        if examples is not None:
            self.points = Points(self.client, self.description, examples)
            self.points.start()

    def wait(self) -> None:
        """Wait until all examples are encoded and scored.

        Raises:
            UserValueError: it ended early.
        """
        if self.points:
            self.points.wait()

    def close(self) -> None:
        """Stop what runs, and close the connections."""
        if self.points:
            self.points.stop()
        if "client" in self.__dict__:
            self.client.close()

    def summary(self) -> dict[str, Any]:
        """Return what the page begins with."""
        columns = (self.manifest.get("dataset") or {}).get("columns") or []
        return {
            "key": self.key,
            "title": self.title,
            "note": self.note,
            **asdict(self.description),
            "ranges": {one["name"]: [one.get("low"), one.get("high")] for one in columns if not one.get("words")},
            "progress": self.points.progress() if self.points else None,
        }
