"""Data: what a dataset is, where it comes from, and how it reaches the model.

Names are imported when they are first used, so that `vae_tf.data.catalog` answers without TensorFlow.
"""

from typing import TYPE_CHECKING

from vae_tf.lazy import lazy_names

if TYPE_CHECKING:
    from vae_tf.data.catalog import list_datasets
    from vae_tf.data.loading import load_dataset, load_examples
    from vae_tf.data.pipeline import (
        Dataset,
        Examples,
        eval_batches,
        gather_examples,
        labelled_examples,
        random_examples,
        scale_inputs,
        to_inputs,
    )
    from vae_tf.data.probing import probe
    from vae_tf.data.spec import DatasetSpec
    from vae_tf.data.splits import NO_LABEL, ArraySplit, Split, StreamSplit
    from vae_tf.data.text import decode_text, encode_text
    from vae_tf.data.training_batches import train_batches

__all__ = [
    "NO_LABEL",
    "ArraySplit",
    "Dataset",
    "DatasetSpec",
    "Examples",
    "Split",
    "StreamSplit",
    "decode_text",
    "encode_text",
    "eval_batches",
    "gather_examples",
    "labelled_examples",
    "list_datasets",
    "load_dataset",
    "load_examples",
    "probe",
    "random_examples",
    "scale_inputs",
    "to_inputs",
    "train_batches",
]

_MODULES = {
    "DatasetSpec": "spec",
    "NO_LABEL": "splits",
    "ArraySplit": "splits",
    "Split": "splits",
    "StreamSplit": "splits",
    "decode_text": "text",
    "encode_text": "text",
    "list_datasets": "catalog",
    "Dataset": "pipeline",
    "Examples": "pipeline",
    "eval_batches": "pipeline",
    "gather_examples": "pipeline",
    "labelled_examples": "pipeline",
    "random_examples": "pipeline",
    "scale_inputs": "pipeline",
    "to_inputs": "pipeline",
    "train_batches": "training_batches",
    "load_dataset": "loading",
    "load_examples": "loading",
    "probe": "probing",
}

__getattr__ = lazy_names(__name__, _MODULES)
