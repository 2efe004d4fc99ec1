"""Cross-validation: what the folds give together is what all their examples give."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.config import RunConfig
from vae_tf.errors import UserValueError
from vae_tf.training import cross_validate, fold_config, folds, pool

CONSOLE = Console(file=io.StringIO())


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """A small model of a table of 40 rows, for two steps."""
    path = tmp_path_factory.mktemp("data") / "rows.csv"
    rows = np.random.default_rng(0).normal(size=(40, 3)) @ np.diag([1.0, 2.0, 3.0])
    np.savetxt(path, rows, delimiter=",", header="a,b,c", comments="")
    return RunConfig.model_validate(
        {
            "data": {"dataset": f"csv:{path}"},
            "model": {"network": {"kind": "mlp", "widths": [4]}, "latents": [{"kind": "gaussian", "size": 2}]},
            "training": {"epochs": 1, "batch_size": 16},
            "evaluation": {"num_samples": 5},
        }
    )


@pytest.fixture(scope="module")
def crossed(config, tmp_path_factory):
    """Two folds of it."""
    folder = tmp_path_factory.mktemp("run") / "folds"
    return folder, cross_validate(config, folder, 2, CONSOLE)


def test_samples_put_together_have_the_mean_and_error_of_all_their_values():
    rng = np.random.default_rng(0)
    samples = [rng.normal(size=count) for count in (3, 10, 40)]
    found = pool([len(one) for one in samples], [one.mean() for one in samples], [_stderr(one) for one in samples])
    together = np.concatenate(samples)
    assert found == pytest.approx((together.mean(), _stderr(together)))


def _stderr(values):
    return values.std(ddof=1) / np.sqrt(len(values))


def test_every_example_counts_once_and_folds_are_runs_of_their_own(crossed):
    folder, found = crossed
    assert found.num_examples == 40 and [one["num_examples"] for one in found.folds] == [20, 20]
    assert found.means["nll"] == pytest.approx(np.mean([one["nll"] for one in found.folds]))
    runs = [RunDirectory(folder / f"{number}-of-2") for number in (1, 2)]
    assert [run.read_config().data.fold for run in runs] == [(1, 2), (2, 2)]
    assert json.loads((folder / "folds-2.json").read_text("utf-8"))["num_examples"] == 40
    names = [row.obvious.name for row in found.obvious]
    assert "independent columns" in names and all(row.verdict for row in found.obvious)


def test_folds_that_are_done_are_not_trained_again(crossed, config, monkeypatch):
    folder, found = crossed
    monkeypatch.setattr(folds, "train_and_measure", lambda *_, **__: pytest.fail("trained again"))
    assert cross_validate(config, folder, 2, CONSOLE) == found


def test_a_fold_that_was_stopped_ends_it_and_goes_on_the_next_time(config, tmp_path, monkeypatch):
    asked = []

    def stopped(config, run, console, resume):
        asked.append((run.name, resume))
        run.path.mkdir(parents=True, exist_ok=True)
        run.config_file.touch()
        return type("Stopped", (), {"results": None})

    monkeypatch.setattr(folds, "train_and_measure", stopped)
    assert cross_validate(config, tmp_path, 2, CONSOLE) is None
    assert cross_validate(config, tmp_path, 2, CONSOLE) is None
    assert asked == [("1-of-2", False), ("1-of-2", True)]


def test_one_fold_is_none(config):
    with pytest.raises(UserValueError, match="--folds must be at least 2"):
        fold_config(config, 1, 1)
