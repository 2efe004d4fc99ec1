"""The blocks of Python of the README and of docs run from top to bottom, with small settings."""

import importlib.util
import json
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vae_tf
from vae_tf.config_sources import resolve_config, with_value
from vae_tf.export import servable
from vae_tf.serving.manager import ManagerOptions
from vae_tf.serving.model_config import ModelConfig

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
    few = partial(with_value, path="training.steps", value=2)
    monkeypatch.setattr("vae_tf.api.estimator_base.resolve_config", lambda *arguments: few(resolve_config(*arguments)))
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


@pytest.mark.filterwarnings("ignore:.*agree with what is there:UserWarning")  # of models of two steps
def test_the_page_runs(small_everywhere, capsys):
    names = {}
    _run(_blocks("docs/python.md"), names)
    out = capsys.readouterr().out
    assert "training.epoch is not a known key" in out
    assert names["clusters"].shape == (300,) and not np.isnan(names["whole"]).any() and len(names["odd_ones"]) == 6
    assert (names["z"].shape, names["way"].shape, names["new"].shape) == ((5, 8), (5, 8, 8, 1), (10, 8, 8, 1))
    assert names["page"].is_file() and (names["version"] / "saved_model.pb").is_file()
    assert names["resumed"].results["epochs"] == 2
    assert sorted(path.name for path in Path("saved_models/by_hand").iterdir()) == ["1", "2"]


def test_the_readme_runs(small_everywhere):
    (block,) = _blocks("README.md")
    assert len(block.strip().splitlines()) == 4  # an import, a blank line, and two that do it
    _run([block], {"x": np.random.default_rng(0).normal(size=(200, 5))})
    assert [path.name for path in Path("saved_models").iterdir()] == ["data"]


def test_the_tracker_of_the_page_keeps_what_the_run_has(small_everywhere):
    names = {}
    _run(_blocks("docs/trackers.md"), names)
    (file,) = Path("tracked").glob("*.json")
    kept, run = json.loads(file.read_text("utf-8")), names["run"]
    assert (kept["ending"], kept["settings"]["model.latents[0].size"]) == ("finished", 2)
    assert kept["metrics"][-1]["test_nll"] == run.results["nll"]


def test_a_search_from_python_runs_and_warns_of_nothing(monkeypatch, tmp_path, capfd, caplog):
    monkeypatch.chdir(tmp_path)
    (block,) = _blocks("docs/tuning.md")
    few = (
        "overrides=['data.limit=60', 'training.epochs=1', 'evaluation.num_samples=2', 'model.network={kind: mlp, widths: [8]}']"
    )
    small = block.replace('resolve_config("digits")', f'resolve_config("digits", {few})').replace("trials=12", "trials=3")
    assert small.count("trials=3") == small.count(few) == 1
    _run([small], {})
    out, err = capfd.readouterr()
    assert "val_negative_elbo" in out
    assert not re.search("retracing", out + err + caplog.text, re.IGNORECASE)


def test_the_page_of_own_parts_trains_what_its_file_holds(small_everywhere, restored_parts):
    page = re.sub(r"<!-- fmt: o[nf]+ -->\n", "", (ROOT / "docs/own_parts.md").read_text("utf-8"))
    (source,) = re.findall(r"`wide\.py`:\n\n```python\n(.*?)```", page, re.DOTALL)
    Path("wide.py").write_text(source, "utf-8")
    names = {}
    _run([_blocks("docs/own_parts.md")[-1]], names)
    assert names["run"].config.model.network.kind == "wide"


def test_the_page_of_data_finds_no_copies_where_it_says_so(capsys):
    (block,) = _blocks("docs/data.md")
    _run([block], {})
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["True"] * 5


def test_the_client_of_the_page_of_serving_gets_what_it_says(small_everywhere, start_server):
    run = vae_tf.train("digits", latent="gaussian:2", overrides={"data.binarization": "none"}, quiet=True)
    run.export(name="digits")
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.jpg"):
        Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(name)
    names = {"x_with_nan": np.where(rng.random((3, 8, 8, 1)) < 0.5, np.nan, 0.0)}
    blocks = [
        one for one in _blocks("docs/serving.md") if "onnxruntime" not in one and "tf.lite" not in one
    ]  # those are of test_graph_files.py
    models = [ModelConfig("digits", Path("saved_models/digits").absolute())]
    with start_server(models, manager=ManagerOptions(poll_seconds=0.0, warm_up=False)) as server:
        ports = {"127.0.0.1:8500": server.grpc_port, "127.0.0.1:8501": server.rest_port}
        for address, port in ports.items():
            blocks = [block.replace(address, f"127.0.0.1:{port}") for block in blocks]
        _run(blocks, names)
    assert names["draws"].shape == (16, 8, 8, 1) and names["codes"].shape == (2, 2)
    assert np.isfinite(names["filled"]).all()


def test_every_block_of_a_page_is_run_by_one_of_these():
    pages = [path for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")) if "```python" in path.read_text("utf-8")]
    of_docs = {f"{name}.md" for name in ("python", "tuning", "own_parts", "data", "serving", "trackers")}
    assert {path.name for path in pages} == {"README.md", *of_docs}
