"""Every kind of source has a row in docs/data.md and a case here: it loads, tells of it, and refuses what it does not heed."""

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from PIL import Image

from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.data.loading import _CHOOSY
from vae_tf.data.memory import in_memory
from vae_tf.errors import UserValueError
from vae_tf.parts.known import kinds

PAGE = Path(__file__).parents[2] / "docs/data.md"
KINDS = sorted(kinds("source"))
GIVEN = {
    "splits": {"train": "train"},
    "label_column": "a",
    "label_bins": 3,
    "columns": {"a": "real"},
    "missing": ("?",),
    "rare": 5,
    "counts": True,
    "window": 4,
    "group": "a",
    "fold": (1, 2),
    "resize": (4, 4),
    "suffixes": (".png",),
}
"""A setting that only some sources heed, and a value that is not its default."""


def rows():
    """Return what the page's table has for every kind: takes, does, refuses."""
    text = PAGE.read_text("utf-8").partition("## What each loader takes")[2].partition("\n## ")[0]
    found = {}
    for line in re.findall(r"^\| (`.*) \|$", text, re.MULTILINE):
        names, *cells = line.split(" | ")
        for name in re.findall(r"`(\w+)", names):
            found["tfds" if name == "NAME" else name] = cells
    return found


@pytest.fixture
def named(tmp_path, digits_dir):
    """Give the name of a small data set of every kind."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.normal(size=(40, 3)))
    np.savetxt(tmp_path / "a.csv", rng.normal(size=(40, 3)), delimiter=",", header="a,b,c", comments="")
    (tmp_path / "a.txt").write_text("\n".join(f"line number {number}" for number in range(40)))
    scipy.sparse.save_npz(tmp_path / "b.npz", scipy.sparse.csr_array(rng.poisson(0.6, (40, 3))))
    (tmp_path / "pictures").mkdir()
    for number in range(40):
        Image.fromarray(rng.integers(0, 255, (4, 4), np.uint8)).save(tmp_path / f"pictures/{number}.png")
    own = {"npz": "a.npz", "sparse": "b.npz", "csv": "a.csv", "text": "a.txt"}
    files = {kind: f"{kind}:{tmp_path / name}" for kind, name in own.items()}
    built_in = {kind: kind for kind in ("digits", "sprites", "topics", "waves")}
    return {**files, **built_in, "folder": f"folder:{tmp_path / 'pictures'}", "memory": "memory:a", "tfds": "tfds:digits"}


def test_every_kind_has_a_row_and_every_row_a_kind():
    assert {name for name in rows() if name not in {"data"}} == {*KINDS}
    assert all(len(cells) == 3 and all(cells) for cells in rows().values())


@pytest.mark.parametrize("kind", KINDS)
def test_it_loads_tells_of_it_and_refuses_what_it_does_not_heed(kind, named, digits_dir):
    config = DataConfig(dataset=named[kind], data_dir=digits_dir)
    with in_memory(np.random.default_rng(0).normal(size=(40, 3))):
        dataset = load_dataset(config)
        assert min(dataset.spec.num_train, dataset.spec.num_validation, dataset.spec.num_test) > 0
        assert dataset.notes or kind in {"folder", "npz", "csv", "text", "memory"}
        for name, value in GIVEN.items():
            if name not in kinds("source")[kind].heeds:
                with pytest.raises(UserValueError, match=rf"data\.{name} does not go with {named[kind]}: "):
                    load_dataset(config.model_copy(update={name: value}))


def test_settings_that_some_sources_refuse_are_tried():
    assert {*GIVEN} <= {*_CHOOSY}
