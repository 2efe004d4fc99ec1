"""MLflow: a run of its own for every training, with settings, numbers by step, records and pictures."""

import copy
import logging
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vae_tf.errors import MachineError, UserValueError, reason_of

__all__ = ["MlflowTracker"]

_EXPERIMENT = "vae_tf"
_KEY = "vae_tf.key"
_PARENT = "mlflow.parentRunId"
"""The tag by which MLflow shows a run below another."""
_STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
_AT_ONCE = 100
"""Settings that MLflow takes in one request."""
_LONGEST = 500
"""Letters of a value that every MLflow server takes."""
_UNSAID = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""What MLflow is told by its environment where nobody else has: nothing goes elsewhere, and training waits for no server."""


class MlflowTracker:
    """Tells MLflow of one training: `Tracker`.

    The experiment is `vae_tf`, or `MLFLOW_EXPERIMENT_NAME`. A training that goes on is the same run there.

    Args:
        uri: of a server (`http://...`) or a database (`sqlite:///FILE`); empty: what MLflow's own environment says.

    Attributes:
        is_new: whether the run that was begun last was not there before.

    Raises:
        UserValueError: MLflow is not installed, or the URI is none.
        MachineError: the server does not answer.
    """

    def __init__(self, uri: str) -> None:
        for name, value in _UNSAID.items():
            os.environ.setdefault(name, value)
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise UserValueError(
                "--track mlflow needs MLflow: pip install --require-hashes -r requirements-mlflow.lock, or vae_tf[mlflow]."
            ) from error
        try:
            self._client: Any = MlflowClient(tracking_uri=uri or None)
            self._experiment = self._find_experiment(uri)
        except Exception as error:  # of MLflow, of SQLAlchemy, of requests
            reason = reason_of(error, 300)
            kind = MachineError if uri.startswith("http") else UserValueError
            raise kind(f"MLflow cannot be used at {uri or 'its own URI'}: {reason}.") from error
        self._run = self._parent = ""
        self.is_new = True

    def _find_experiment(self, uri: str) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or _EXPERIMENT
        found = self._client.get_experiment_by_name(name)
        if found:
            return str(found.experiment_id)
        database = uri.removeprefix("sqlite:///")
        beside = (Path(database).absolute().parent / "mlruns").as_uri() if database != uri else None
        return str(self._client.create_experiment(name, artifact_location=beside))

    def start(self, name: str, key: str, settings: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Begin a run of this name, or find the one that has the key."""
        begun = self._client.search_runs([self._experiment], f"tags.`{_KEY}` = '{key}'")
        self.is_new = not begun
        if begun:
            self._run, known = begun[0].info.run_id, begun[0].data.params
            self._client.update_run(self._run, status="RUNNING")
        else:
            begins = {_KEY: key, **({_PARENT: self._parent} if self._parent else {})}
            self._run, known = self._client.create_run(self._experiment, run_name=name, tags=begins).info.run_id, {}
        self._log_settings({path: value for path, value in settings.items() if _named(path) not in known})
        self.tag(tags)

    def _log_settings(self, settings: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        params = [Param(_named(name), str(value)[:_LONGEST]) for name, value in settings.items()]
        for first in range(0, len(params), _AT_ONCE):
            self._client.log_batch(self._run, params=params[first : first + _AT_ONCE])

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep numbers at a step."""
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        told = [Metric(_named(name), float(value), now, step) for name, value in metrics.items()]
        self._client.log_batch(self._run, metrics=told)

    def keep(self, file: Path, folder: str = "") -> None:
        """Keep a file among the run's artifacts."""
        self._client.log_artifact(self._run, str(file), folder or None)

    def tag(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        self._client.log_batch(self._run, tags=[RunTag(name, value[:_LONGEST]) for name, value in tags.items()])

    def register(self, folder: Path, name: str, tags: Mapping[str, str]) -> str:
        """Keep a folder of MLflow's model format among the run's artifacts, as the next version of a registered model.

        Args:
            folder: with `MLmodel`.
            name: the model's.
            tags: of the version.

        Returns:
            Its URI, `models:/NAME/VERSION`.
        """
        from mlflow.exceptions import MlflowException

        place = f"{folder.parent.name}/{folder.name}"
        self._client.log_artifacts(self._run, str(folder), place)
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self._client.get_run(self._run).info.artifact_uri}/{place}"
        made = self._client.create_model_version(name, source, self._run, dict(tags))
        return f"models:/{name}/{made.version}"

    def within(self) -> "MlflowTracker":
        """Return a tracker whose runs are shown below this one's."""
        nested = copy.copy(self)
        nested._parent, nested._run = self._run, ""
        return nested

    def end(self, ending: str) -> None:
        """Note how it ended: FINISHED, KILLED or FAILED."""
        self._client.set_terminated(self._run, _STATUS[ending])


def _named(name: str) -> str:
    """Return a name as MLflow takes it: `model.latents[0].size` becomes `model.latents.0.size`.

    Example:
        >>> _named("model.latents[0].size"), _named("kl/größe+1")
        ('model.latents.0.size', 'kl/größe_1')
    """
    return re.sub(r"[^\w./: -]", "_", name.replace("[", ".").replace("]", ""))
