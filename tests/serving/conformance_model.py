"""Write the SavedModel that the conformance tests ask about: `python tests/serving/conformance_model.py FOLDER`.

Serve FOLDER as a model called `conformance`, and set VAE_SERVING_REST and VAE_SERVING_GRPC to the server's addresses.
"""

import sys

import tensorflow as tf


class _Conformance(tf.Module):
    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(2.0)


def _function(body, **inputs):
    specs = [tf.TensorSpec(shape, dtype, name=name) for name, (dtype, shape) in inputs.items()]
    return tf.function(body, input_signature=specs)


def write(path: str) -> None:
    """Write version after version of the same model."""
    module = _Conformance()
    rows, pair = [None], [None, 2]
    signatures = {
        "serving_default": _function(lambda x: {"y": tf.ensure_shape(x, pair) * module.factor}, x=(tf.float32, pair)),
        "two": _function(
            lambda a, b: {"sum": a + tf.cast(b, tf.float32), "product": a * tf.cast(b, tf.float32)},
            a=(tf.float32, rows),
            b=(tf.int32, rows),
        ),
        "int64": _function(lambda x: {"y": x + 1}, x=(tf.int64, rows)),
        "uint8": _function(lambda x: {"y": tf.cast(x, tf.int32)}, x=(tf.uint8, rows)),
        "bool": _function(lambda x: {"y": tf.logical_not(x)}, x=(tf.bool, rows)),
        "double": _function(lambda x: {"y": x * 0.1}, x=(tf.float64, rows)),
        "text": _function(lambda x: {"y": tf.strings.join([x, "!"])}, x=(tf.string, rows)),
        "bytes": _function(lambda x: {"y_bytes": tf.identity(x)}, x=(tf.string, rows)),
        "log": _function(lambda x: {"y": tf.math.log(x)}, x=(tf.float32, rows)),
        "total": _function(lambda x: {"y": tf.reduce_sum(x)}, x=(tf.float32, rows)),
        "scalar": _function(lambda x: {"y": x * 2}, x=(tf.int32, [])),
        "half": _function(lambda x: {"y": tf.cast(x, tf.float16)}, x=(tf.float32, rows)),
        "half_input": _function(lambda x: {"y": tf.cast(x, tf.float32)}, x=(tf.float16, rows)),
        "positive": _function(_positive, x=(tf.float32, rows)),
        "constant": _function(lambda: {"y": tf.constant([1.0])}),
    }
    concrete = {name: function.get_concrete_function() for name, function in signatures.items()}
    tf.saved_model.save(module, path, signatures=concrete)


def _positive(x):
    with tf.control_dependencies([tf.debugging.assert_positive(x)]):
        return {"y": tf.sqrt(x)}


if __name__ == "__main__":
    write(f"{sys.argv[1]}/1")
