"""The forms that `data.dataset` takes; imports no TensorFlow."""

__all__ = ["list_datasets"]


def list_datasets() -> dict[str, str]:
    """Return what `data.dataset` may be: form to a description in one line.

    Example:
        >>> print(*sorted(list_datasets()))
        NAME NAME/CONFIG:VERSION csv:PATH digits folder:PATH memory:NAME npz:PATH sparse:PATH sprites text:PATH topics waves
    """
    return {
        "digits": "1,797 real handwritten digits, 8 x 8, from scikit-learn: 1,297 for training; no network needed",
        "sprites": "2,304 shapes, 32 x 32, of five known factors, made on the spot: for measures of disentanglement",
        "waves": "6,000 rows in time of two sensors, simulated: windows of 48 rows (data.window)",
        "topics": "4,000 documents as counts of 60 words, simulated from five topics",
        "NAME": "any TFDS images or texts, e.g. mnist or tiny_shakespeare; prepared under --data-dir, or downloaded to it",
        "NAME/CONFIG:VERSION": "the same with a configuration, a version or both, e.g. emnist/letters or mnist:3.0.1",
        "folder:PATH": "pictures (PNG, JPEG, WebP, ...); sub-folders train, test, validation are splits, others are classes",
        "npz:PATH": "NumPy arrays x and y, or x_train, x_test, x_validation and labels: images, rows, series; .ts, .arff",
        "sparse:PATH": "counts that stay sparse: .npz of scipy.sparse, .mtx, .h5ad; names and labels from files beside them",
        "csv:PATH": "a table, one example a row: CSV, Parquet, xlsx, ods, or a folder of Parquet; data.label_column, .columns",
        "text:PATH": "a UTF-8 text, one example a line; data.tokens says whether characters or subwords are learned",
        "memory:NAME": "what a Python program gives vae_tf.train(data, name=NAME); the command line cannot load it",
    }
