"""Run a SavedModel's signatures as a model server's runtime does: a session, the SignatureDefs, nothing of this package.

A script, run as `python -I standalone.py SAVED_MODEL REQUESTS.npz ANSWERS.npz`; it refuses to import the package that made the
model. Requests are arrays named `signature/input`, answers arrays named `signature/output`.
"""

import os
import sys
from typing import Any

__all__ = ["run"]


class _Refuse:
    """A module finder that hides the package."""

    def find_spec(self, name: str, *_: Any) -> None:
        """Refuse the package; leave everything else to the other finders."""
        if name.partition(".")[0] == "vae_tf":
            raise ImportError("a servable must not need vae_tf")


def run(path: str, requests_file: str, answers_file: str) -> None:
    """Load the SavedModel, run every request, and write the answers."""
    import numpy as np
    import tensorflow as tf

    v1 = tf.compat.v1
    requests = np.load(requests_file)
    answers: dict[str, Any] = {}
    with v1.Session(graph=tf.Graph()) as session:
        meta = v1.saved_model.load(session, ["serve"], path)
        for name in sorted({key.partition("/")[0] for key in requests.files}):
            signature = meta.signature_def[name]
            feeds = {info.name: _array(requests[f"{name}/{key}"]) for key, info in signature.inputs.items()}
            fetched = session.run({key: info.name for key, info in signature.outputs.items()}, feeds)
            answers.update({f"{name}/{key}": _plain(value) for key, value in fetched.items()})
    np.savez(answers_file, **answers)


def _array(value: Any) -> Any:
    """Return byte strings as TensorFlow takes them; npz files hold them in a padded form."""
    return value.astype(object) if value.dtype.kind == "S" else value


def _plain(value: Any) -> Any:
    """Return strings in a form that npz files hold without pickling."""
    return value.astype("S") if value.dtype == object else value


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.meta_path.insert(0, _Refuse())
    run(*sys.argv[1:])
