"""Triton Inference Server: a repository with a model a signature, each an ONNX file and its configuration.

Triton's own TensorFlow backend ended with its release 25.02, so that the SavedModel itself is not for it.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vae_tf.data.spec import DatasetSpec
from vae_tf.models.vae import VAE

__all__ = ["TritonRepository"]

_FOLDER = "triton"
_MOST_ROWS = 64
"""Of a batch: as many as deploy/serving's configuration lets TensorFlow Serving merge."""
_DELAY = 1000
"""Microseconds that a request waits for others."""
_TYPES = {"FLOAT": "FP32", "INT64": "INT64", "INT32": "INT32", "BOOL": "BOOL", "UINT8": "UINT8", "STRING": "STRING"}
"""ONNX' names of types to Triton's."""


class TritonRepository:
    """Writes `triton/` beside a SavedModel that has ONNX files, for `tritonserver --model-repository`."""

    def __call__(self, path: Path, vae: VAE, spec: DatasetSpec) -> str:
        """Write the repository, and return what it is called.

        Args:
            path: of a complete SavedModel, in the servable's folder, with `onnx/`.
            vae: the model.
            spec: how raw values become model inputs and back.
        """
        for file in sorted((path / "onnx").glob("*.onnx")):
            name = f"{path.parent.name}_{file.stem}"
            version = path / _FOLDER / name / "1"
            version.mkdir(parents=True)
            shutil.copyfile(file, version / "model.onnx")
            (version.parent / "config.pbtxt").write_text(_config(name, file), "utf-8")
        return f"{_FOLDER}/"


def _config(name: str, file: Path) -> str:
    """Return a model's configuration, its inputs and outputs as the file has them."""
    import onnx

    graph = onnx.load(str(file), load_external_data=False).graph
    lines = [f'name: "{name}"', 'backend: "onnxruntime"', f"max_batch_size: {_MOST_ROWS}"]
    for field, tensors in (("input", graph.input), ("output", graph.output)):
        lines += [line for tensor in tensors for line in _tensor(field, tensor)]
    return "\n".join([*lines, f"dynamic_batching {{ max_queue_delay_microseconds: {_DELAY} }}"]) + "\n"


def _tensor(field: str, tensor: Any) -> Iterator[str]:
    """Give a tensor's lines; its rows, the first dimension, are not told. One number a row is told as one of one, reshaped."""
    import onnx

    kind = tensor.type.tensor_type
    dims = [one.dim_value or -1 for one in kind.shape.dim][1:]
    reshape = "" if dims else "  reshape { shape: [ ] }\n"
    yield (
        f'{field} {{\n  name: "{tensor.name}"\n  data_type: TYPE_{_TYPES[onnx.TensorProto.DataType.Name(kind.elem_type)]}\n'
        f"  dims: [ {', '.join(map(str, dims or [1]))} ]\n{reshape}}}"
    )
