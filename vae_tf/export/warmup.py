"""Warm-up requests: a model server replays them before it announces a version, so that no client waits for first calls."""

from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from vae_tf.export.signature import Signature, example_request

__all__ = ["WARMUP_FILE", "write_warmup"]

WARMUP_FILE = "tf_serving_warmup_requests"


def write_warmup(folder: Path, signatures: Iterable[Signature]) -> None:
    """Write one request a signature to `assets.extra/tf_serving_warmup_requests` of a SavedModel's folder.

    The form is TensorFlow Serving's: a TFRecord of PredictionLog; any request that fails would fail the load.
    """
    path = folder / "assets.extra" / WARMUP_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature in signatures:
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "warmup"
            request.model_spec.signature_name = signature.name
            for name, value in example_request(signature).items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            log = prediction_log_pb2.PredictLog(request=request)
            writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())
