"""A version of a servable in MLflow's registry of models, under the run that it comes from."""

from pathlib import Path

from vae_tf.artifacts import RunDirectory
from vae_tf.errors import MachineError, UserValueError, reason_of
from vae_tf.training.mlflow_tracker import MlflowTracker
from vae_tf.training.tracking import flat_settings, key_of, open_mlflow, tags_of, tell_records, tell_steps

__all__ = ["open_registry", "register"]


def open_registry(where: str) -> MlflowTracker:
    """Return the MLflow that `--register` names, after a look at whether it answers.

    Args:
        where: `mlflow:URI`, as `--track` has it.

    Raises:
        UserValueError: it is another tracker, or none; MLflow is not installed, or the URI is none.
        MachineError: the server does not answer.
    """
    if not where.startswith("mlflow:"):
        raise UserValueError(f"--register takes mlflow:URI, such as mlflow:sqlite:///mlflow.db. Received: {where!r}.")
    return open_mlflow(where.removeprefix("mlflow:"))


def register(registry: MlflowTracker, path: Path, run: RunDirectory) -> str:
    """Keep a version, in MLflow's model format, with the run's own there, and register it under the servable's name.

    A run that was not tracked is told first, with its numbers and records.

    Args:
        registry: of `open_registry`.
        path: of the version, written with `vae_tf.export.mlflow_model.MlflowModel`.
        run: that it comes from.

    Returns:
        `models:/NAME/VERSION`.

    Raises:
        MachineError: MLflow does not take it; the version itself is there.
    """
    results = run.read_results()
    try:
        settings = flat_settings(run.read_config().model_dump(mode="json"))
        registry.start(run.name, key_of(run.path), settings, tags_of(run))
        if registry.is_new:
            tell_steps(registry, run)
            tell_records(registry, run, results)
        uri = registry.register(path, path.parent.name, {**tags_of(run), "vae_tf.version_folder": str(path)})
        registry.end("finished" if results else "stopped")
    except Exception as error:  # of MLflow, of its database, of its server
        reason = reason_of(error, 300)
        raise MachineError(f"{path} was written, and not registered: MLflow failed: {reason}.") from error
    return uri
