import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vae_tf.data
from vae_tf.config import DataConfig
from vae_tf.data import list_datasets, load_dataset
from vae_tf.errors import UserValueError
from vae_tf.parts import kinds

ROOT = Path(__file__).parents[2]


def load(dataset, **settings):
    return load_dataset(DataConfig(dataset=dataset, **settings))


def test_binarisation_needs_values_between_0_and_1(write_csv):
    with pytest.raises(UserValueError, match=r"data.binarization must be none for csv:.* Received: 'dynamic'"):
        load(write_csv("a,b\n" + "1,2\n" * 20), binarization="dynamic")


def test_binarisation_limit_and_counts_are_in_the_spec(write_npz):
    spec = load(write_npz(x=np.arange(40, dtype=np.uint8).reshape(20, 2)), binarization="threshold", limit=5).spec
    assert (spec.binarization, spec.is_binary) == ("threshold", True)
    assert (spec.num_train, spec.num_validation, spec.num_test) == (5, 2, 2)


@pytest.mark.parametrize(
    ("dataset", "settings", "name"),
    [
        ("npz:a.npz", {"splits": {"train": "train"}}, "splits"),
        ("npz:a.npz", {"resize": (4, 4)}, "resize"),
        ("csv:a.csv", {"resize": (4, 4)}, "resize"),
        ("csv:a.csv", {"splits": {"train": "train"}}, "splits"),
        ("folder:a", {"label_column": "kind"}, "label_column"),
        ("digits", {"label_column": "kind"}, "label_column"),
        ("mnist", {"label_column": "kind"}, "label_column"),
        ("mnist", {"counts": True}, "counts"),
        ("folder:a", {"label_bins": 3}, "label_bins"),
        ("topics", {"window": 3}, "window"),
        ("text:a.txt", {"group": "who"}, "group"),
        ("mnist", {"group": "who"}, "group"),
        ("digits", {"group": "who"}, "group"),
        ("text:a.txt", {"copies": "similar"}, "copies=similar"),
        ("mnist", {"copies": "similar"}, "copies=similar"),
    ],
)
def test_settings_that_mean_nothing_are_refused(dataset, settings, name):
    with pytest.raises(UserValueError, match=rf"data.{name} does not go with {dataset}: .*Received: "):
        load(dataset, **settings)


@pytest.mark.parametrize("form", ["folder:", "npz:", "csv:", "digits:"])
def test_a_form_needs_its_path(form):
    with pytest.raises(UserValueError, match=f"must have something after the colon. Received: '{form}'"):
        load(form)


def test_every_form_is_listed():
    forms = {form.partition(":")[0] for form in list_datasets()}
    assert forms == {*kinds("source"), "NAME", "NAME/CONFIG"} - {"tfds"}


def test_listing_imports_no_tensorflow():
    code = "import sys; from vae_tf.data.catalog import list_datasets; list_datasets(); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_public_names():
    assert all(callable(getattr(vae_tf.data, name)) for name in vae_tf.data.__all__ if name != "NO_LABEL")
    assert vae_tf.data.NO_LABEL == -1
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = vae_tf.data.nothing
