"""The worked example of CONTRIBUTING.md: one new file in its folder, and nothing else, is a family."""

import doctest
import importlib
import json
import re
import sys
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy import stats

import vae_tf.models
from vae_tf.cli import main
from vae_tf.config import ModelConfig
from vae_tf.models import build_vae
from vae_tf.parts import kinds
from vae_tf.parts.describe import PACKAGE, describe_all
from vae_tf.parts.known import SLOTS, _import_families
from vae_tf.parts.reference import reference

ROOT = Path(__file__).parents[2]
PATH, SOURCE = re.findall(
    r"Whole, `([\w/]+\.py)`:\n\n```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL
)[0]
MODULE = PATH.removesuffix(".py").replace("/", ".")


def _page():
    return reference(one for one in describe_all() if one.owner == PACKAGE)


@pytest.fixture
def listed(capsys):
    """Return the kinds that the command lists, as a function."""

    def kinds_listed():
        with pytest.raises(SystemExit) as stopped:
            main(["parts", "likelihood", "--json"])
        assert not stopped.value.code
        return [one["kind"] for one in json.loads(capsys.readouterr().out)["parts"]]

    return kinds_listed


@pytest.fixture
def in_its_folder(tmp_path, forgetting):
    """Put the file into a folder of its family's package, and take it away again; a context manager."""
    package = importlib.import_module(SLOTS["likelihood"].families)
    (tmp_path / Path(PATH).name).write_text(SOURCE, "utf-8")

    @contextmanager
    def added():
        try:
            with pytest.MonkeyPatch.context() as patch, forgetting():
                patch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
                _import_families.cache_clear()
                yield
        finally:
            vars(package).pop(Path(PATH).stem, None)
            _import_families.cache_clear()

    return added


def test_the_file_s_folder_is_that_of_its_slot():
    assert MODULE.rpartition(".")[0] == SLOTS["likelihood"].families
    assert not (ROOT / PATH).exists()


def test_one_new_file_is_found_everywhere(in_its_folder, listed):
    before, page = list(kinds("likelihood")), _page()
    with in_its_folder():
        assert set(kinds("likelihood")) - set(before) == {"poisson"} == set(listed()) - set(before)
        assert vae_tf.models.PoissonLikelihood is kinds("likelihood")["poisson"]
        added = [line for line in _page().splitlines() if line not in page.splitlines()]
        assert added == [
            "| [`poisson`](#likelihood-poisson) | Independent counts whose variance is their mean. |  |",
            "### likelihood `poisson`",
            "| `min_rate` | `0.0001` | number > 0 | lower bound of a mean, so that no count is impossible |",
        ]


def test_what_the_file_says_is_true(in_its_folder, make_spec):
    with in_its_folder():
        part = kinds("likelihood")["poisson"]
        assert doctest.testmod(sys.modules[MODULE]) == (0, 2)
        assert keras.saving.get_registered_name(part) == "vae_tf>PoissonLikelihood"
        x, params = np.arange(4.0, dtype=np.float32)[:, np.newaxis], np.linspace(-1, 2, 4, dtype=np.float32)[:, np.newaxis]
        expected = stats.poisson.logpmf(x, 0.5 + np.logaddexp(0, params))[:, 0]
        np.testing.assert_allclose(part((1,), min_rate=0.5).log_prob(params, x), expected, rtol=1e-5)
        config = ModelConfig.model_validate({"likelihood": {"kind": "poisson", "min_rate": 0.01}, "network": "mlp"})
        vae = build_vae(config, make_spec((3,), "count"))
        vae.compile(optimizer=keras.optimizers.Adam(1e-3), run_eagerly=True)
        logs = vae.train_on_batch(np.random.default_rng(0).poisson(3.0, (8, 3)).astype(np.float32), return_dict=True)
        assert np.isfinite(logs["negative_elbo"]) and vae.likelihood.min_rate == 0.01


def test_without_the_file_there_is_nothing_left_of_it(in_its_folder, listed):
    before, page, folders = list(kinds("likelihood")), _page(), set((ROOT / PATH).parent.iterdir())
    with in_its_folder():
        assert "poisson" in kinds("likelihood")
    assert list(kinds("likelihood")) == listed() == before and _page() == page
    assert MODULE not in sys.modules and not hasattr(vae_tf.models, "PoissonLikelihood")
    assert set((ROOT / PATH).parent.iterdir()) == folders
    with pytest.raises(ValueError, match=r"unknown_kind.*poisson"):
        ModelConfig.model_validate({"likelihood": "poisson"})
