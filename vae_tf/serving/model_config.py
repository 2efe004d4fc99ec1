"""Which models are served: TensorFlow Serving's ModelServerConfig, in text form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vae_tf.errors import UserFileError, UserValueError
from vae_tf.files import check_file

__all__ = ["ModelConfig", "from_message", "read_model_config", "to_text"]


@dataclass(frozen=True)
class ModelConfig:
    """One model.

    Attributes:
        name: what clients call it.
        base_path: the folder of its versions.
        num_latest: serve so many of the newest versions; None for all.
        specific: serve just these versions.
        labels: label to version.
    """

    name: str
    base_path: Path
    num_latest: int | None = 1
    specific: tuple[int, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)

    def select(self, versions: Iterable[int]) -> set[int]:
        """Return the versions to serve, of those that are there.

        Example:
            >>> sorted(ModelConfig("m", Path("m"), num_latest=2).select([1, 2, 10]))
            [2, 10]
        """
        found = sorted(set(versions))
        if self.specific:
            return set(found) & set(self.specific)
        return set(found if self.num_latest is None else found[-self.num_latest :])


def read_model_config(path: str | Path) -> list[ModelConfig]:
    """Read a file as `tensorflow_model_server --model_config_file` takes it.

    Raises:
        UserFileError: it cannot be read, or is not in the text form of ModelServerConfig.
        UserValueError: a name is missing or there twice, or a path is relative.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    check_file(path)
    try:
        text = Path(path).read_text("utf-8")
        return from_message(text_format.Parse(text, model_server_config_pb2.ModelServerConfig()))
    except (OSError, UnicodeDecodeError) as error:
        raise UserFileError(f"Cannot read the model configuration {path}: {error}.") from error
    except text_format.ParseError as error:
        raise UserFileError(f"{path} is not a ModelServerConfig in text form: {error}.") from error


def from_message(config: Any) -> list[ModelConfig]:
    """Return the models of a ModelServerConfig message.

    Raises:
        UserValueError: a name is missing or there twice, or a path is relative.
    """
    if not config.WhichOneof("config"):
        raise UserValueError("The model configuration is empty; it needs a model_config_list.")
    models = [_model(entry) for entry in config.model_config_list.config]
    names = [model.name for model in models]
    if len(set(names)) < len(names) or "" in names:
        raise UserValueError(f"The model configuration must name every model, each once. Received: {names}.")
    relative = next((model for model in models if not model.base_path.is_absolute()), None)
    if relative:
        raise UserValueError(f"Model {relative.name} must have an absolute base_path. Received: {str(relative.base_path)!r}.")
    return models


def _model(entry: Any) -> ModelConfig:
    policy = entry.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    return ModelConfig(
        name=entry.name,
        base_path=Path(entry.base_path),
        num_latest=None if kind == "all" else max(1, policy.latest.num_versions),
        specific=tuple(policy.specific.versions) if kind == "specific" else (),
        labels=dict(entry.version_labels),
    )


def to_text(models: Iterable[ModelConfig]) -> str:
    """Write models as a file that TensorFlow Serving reads.

    Example:
        >>> print(to_text([ModelConfig("m", Path("/models/m"))]))
        model_config_list {
          config {
            name: "m"
            base_path: "/models/m"
            model_platform: "tensorflow"
            model_version_policy {
              latest {
                num_versions: 1
              }
            }
          }
        }
        <BLANKLINE>
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    for model in models:
        entry = config.model_config_list.config.add(
            name=model.name, base_path=str(model.base_path), model_platform="tensorflow", version_labels=model.labels
        )
        if model.specific:
            entry.model_version_policy.specific.versions.extend(model.specific)
        elif model.num_latest is None:
            entry.model_version_policy.all.SetInParent()
        else:
            entry.model_version_policy.latest.num_versions = model.num_latest
    return str(text_format.MessageToString(config))
