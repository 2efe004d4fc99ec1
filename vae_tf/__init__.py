"""vae_tf: from data to a served variational autoencoder.

`__all__` is what is public and stays: `docs/python.md` teaches it. Names are imported when they are first used, so that
`import vae_tf` takes no time.

Example:
    >>> import vae_tf
    >>> vae_tf.RunConfig(seed=3).seed
    3
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vae_tf.api.estimators import VAEImputer, VAEOutlierDetector, VAETransformer
    from vae_tf.api.models import evaluate_model, export_model
    from vae_tf.api.run import Run
    from vae_tf.api.training import train
    from vae_tf.config import RunConfig
    from vae_tf.data.spec import DatasetSpec
    from vae_tf.errors import UserError, UserFileError, UserValueError
    from vae_tf.models import VAE, BernoulliLikelihood, CategoricalLatent, GaussianLatent, GaussianLikelihood, build_vae

__all__ = [
    "VAE",
    "BernoulliLikelihood",
    "CategoricalLatent",
    "DatasetSpec",
    "GaussianLatent",
    "GaussianLikelihood",
    "Run",
    "RunConfig",
    "UserError",
    "UserFileError",
    "UserValueError",
    "VAEImputer",
    "VAEOutlierDetector",
    "VAETransformer",
    "build_vae",
    "evaluate_model",
    "export_model",
    "train",
]

_MODULES = {
    "DatasetSpec": "data.spec",
    "Run": "api.run",
    "RunConfig": "config",
    "UserError": "errors",
    "UserFileError": "errors",
    "UserValueError": "errors",
    "VAEImputer": "api.estimators",
    "VAEOutlierDetector": "api.estimators",
    "VAETransformer": "api.estimators",
    "evaluate_model": "api.models",
    "export_model": "api.models",
    "train": "api.training",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module(f"{__name__}.version").VERSION
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'models')}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
