"""The blocks of docs/python.md and of the README run from top to bottom, with small settings."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from vae_tf.config_sources import resolve_config, with_value
from vae_tf.export import servable

ROOT = Path(__file__).parents[2]


def _blocks(name):
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)


@pytest.fixture
def small_everywhere(monkeypatch, tmp_path):
    """Make trainings short and measures cheap: what a page shows stays as a person would write it."""

    def resolve(*arguments, **settings):
        config = resolve_config(*arguments, **settings)
        small = {"data.limit": 60, "evaluation.num_samples": 2, "training.pictures_every": 1000}
        small["training.epochs"] = 1
        for path, value in small.items():
            config = with_value(config, path, value)
        return config

    monkeypatch.setattr("vae_tf.api.training.resolve_config", resolve)
    monkeypatch.setattr("vae_tf.api.starting.with_value", lambda config, path, value: with_value(config, path, min(value, 2)))
    for module, name in (("run", "export_run"), ("models", "export_vae")):
        monkeypatch.setattr(f"vae_tf.api.{module}.{name}", _unchecked(getattr(servable, name)))
    monkeypatch.chdir(tmp_path)


def _unchecked(export):
    """Return an export without the process that compares: other tests have it."""
    return lambda *arguments: export(*arguments[:-2], False, arguments[-1])


def _run(blocks, names):
    for block in blocks:
        if "import pandas" in block and importlib.util.find_spec("pandas") is None:
            continue
        exec(compile(block, "docs", "exec"), names)  # noqa: S102 - the project's own pages


def test_the_page_runs(small_everywhere, capsys):
    names = {}
    _run(_blocks("docs/python.md"), names)
    out = capsys.readouterr().out
    assert "training.epoch is not a known key" in out
    assert (names["z"].shape, names["way"].shape, names["new"].shape) == ((5, 8), (5, 8, 8, 1), (10, 8, 8, 1))
    assert names["page"].is_file() and (names["version"] / "saved_model.pb").is_file()
    assert names["resumed"].results["epochs"] == 2
    assert sorted(path.name for path in Path("saved_models/by_hand").iterdir()) == ["1", "2"]


def test_the_readme_runs(small_everywhere):
    (block,) = _blocks("README.md")
    assert len(block.strip().splitlines()) == 4  # an import, a blank line, and two that do it
    _run([block], {"x": np.random.default_rng(0).normal(size=(200, 5))})
    assert [path.name for path in Path("saved_models").iterdir()] == ["data"]
