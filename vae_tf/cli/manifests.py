"""The options of `export` by which other servers are told of the servable."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vae_tf.errors import UserValueError

if TYPE_CHECKING:
    from vae_tf.export.servable import Beside

__all__ = ["ManifestOption", "StorageOption", "check_manifests", "manifests_of", "starting_lines"]

_STARTS = {
    "kserve": "kubectl apply -f {path}/kserve.yaml",
    "triton": "tritonserver --model-repository {path}/triton",
    "bentoml": "bentoml serve {path}",
}
"""The servers, and the commands by which they start with a version."""

ManifestOption = Annotated[
    list[str] | None,
    typer.Option(
        "--manifest",
        metavar="SERVER",
        help="Also what kserve, triton (with ONNX files) or bentoml needs; may stand several times.",
    ),
]
StorageOption = Annotated[
    str | None, typer.Option(metavar="URI", help="Where a cluster has NAME's folder (kserve); default: pvc://vae-models/NAME.")
]


def check_manifests(asked: list[str], storage: str | None, form: str) -> None:
    """Refuse what is unknown, and what does not go together.

    Raises:
        UserValueError: one of them is there.
    """
    unknown = [one for one in asked if one not in _STARTS]
    if unknown:
        *first, last = _STARTS
        raise UserValueError(f"--manifest must be {', '.join(first)} or {last}. Received: {unknown[0]!r}.")
    if asked and form not in {"savedmodel", "all"}:
        raise UserValueError(f"--manifest needs the SavedModel: --format savedmodel or all. Received: --format {form}.")
    if storage is not None and "kserve" not in asked:
        raise UserValueError(f"--storage is for --manifest kserve. Received: --storage {storage} without it.")


def manifests_of(asked: list[str], storage: str | None) -> "list[Beside]":
    """Return what writes the manifests, each once; Triton's after the ONNX files."""
    from vae_tf.export.bentoml_service import BentomlService
    from vae_tf.export.kserve_manifest import KserveManifest
    from vae_tf.export.triton_repository import TritonRepository

    made: dict[str, Callable[[], Beside]] = {
        "kserve": lambda: KserveManifest(storage),
        "triton": TritonRepository,
        "bentoml": BentomlService,
    }
    return [made[name]() for name in dict.fromkeys(asked)]


def starting_lines(asked: list[str], path: Path) -> list[str]:
    """Return the commands by which the servers start with a version.

    Example:
        >>> starting_lines(["triton"], Path("saved_models/digits/1"))
        ['tritonserver --model-repository saved_models/digits/1/triton']
    """
    return [_STARTS[name].format(path=path) for name in dict.fromkeys(asked)]
