"""Parts of a user's own, in files and in installed packages, through every command; in processes where that is the point."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from vae_tf.artifacts import RunDirectory

ROOT = Path(__file__).parents[2]
NETWORK = '''
from math import prod

import keras
from pydantic import PositiveInt
from vae_tf.parts import Network, register

@register("wide")
class WideNetwork(Network):
    """One wide layer each way."""

    def __init__(self, width: PositiveInt = 64) -> None:
        self.width = width

    def encoder(self, event_shape, params_size, num_labels=0):
        x = keras.Input(event_shape, name="x")
        h = keras.layers.Dense(self.width, activation="gelu")(keras.layers.Flatten()(x))
        return keras.Model(x, keras.layers.Dense(params_size)(h))

    def decoder(self, size, params_shape):
        z = keras.Input((size,), name="z")
        h = keras.layers.Dense(self.width, activation="gelu")(z)
        return keras.Model(z, keras.layers.Reshape(params_shape)(keras.layers.Dense(prod(params_shape))(h)))
'''
LATENT = '''
import tensorflow as tf
from pydantic import PositiveInt
from tensorflow_probability.python.distributions import Independent, Laplace
from vae_tf.parts import KL_WARM_UP, Given, Latent, Name, ScheduleLike, register


@register("laplace")
class LaplaceLatent(Latent):
    """Laplace posterior and prior, with a Monte Carlo KL."""

    short = ("size",)
    kl_is_exact = False

    def __init__(
        self, size: PositiveInt = 4, kl_weight: ScheduleLike = KL_WARM_UP, seed: Given[int] = 0, name: Name | None = None
    ):
        super().__init__(name, kl_weight, seed)
        self.size, self.params_size = size, 2 * size

    def posterior(self, params):
        loc, raw = tf.split(params, 2, axis=-1)
        return Independent(Laplace(loc, 1e-3 + tf.nn.softplus(raw)), 1)

    def prior(self):
        return Independent(Laplace(tf.zeros(self.size), tf.ones(self.size)), 1)

    def sample(self, q, seed, num_samples=(), hard=False):
        z = q.sample(num_samples, seed=seed)
        return z, q.log_prob(z) - self.prior().log_prob(z)

    def kl(self, q, log_ratio):
        return log_ratio

    def mean(self, q):
        return q.distribution.loc

    def describe(self, q):
        return {"loc": q.distribution.loc}

    def draw(self, num, seed, temperature=1.0):
        return temperature * self.prior().sample(num, seed=seed)

    def traverse(self, z, num_steps):
        values = tf.linspace(-3.0, 3.0, num_steps)[:, tf.newaxis]
        masks = tf.eye(self.size)
        return [(f"{self.name}[{i}]", z * (1.0 - masks[i]) + values * masks[i]) for i in range(self.size)]
'''
LIKELIHOOD = '''
from typing import Any

import tensorflow as tf
from tensorflow_probability.python.distributions import Independent, StudentT
from vae_tf.parts import Given, Likelihood, PositiveFloat, register


@register("student")
class StudentLikelihood(Likelihood):
    """Independent values with heavy tails.

    Args:
        freedom: degrees of freedom.
    """

    supports = ("real",)

    def __init__(self, event_shape: Given[Any], freedom: PositiveFloat = 4.0, name: Given[str] = "likelihood"):
        super().__init__(event_shape, name=name)
        self.freedom = freedom

    def build(self, input_shape):
        self.log_scale = self.add_weight(name="log_scale", shape=(), initializer="zeros")
        self.built = True

    def distribution(self, params):
        scale = tf.exp(tf.convert_to_tensor(self.log_scale))
        return Independent(StudentT(self.freedom, params, scale), len(self.event_shape))
'''
SOURCE = '''
import numpy as np
from vae_tf.parts import Source, register


@register("mine")
class MySource(Source):
    """Correlated numbers; the argument says how many rows."""

    def arrays(self, argument):
        rng = np.random.default_rng(0)
        return {"x": rng.standard_t(4, (int(argument), 2)) @ [[1.0, 0.5, 0.0], [0.0, 1.0, 2.0]]}
'''
TINY = ["--epochs", "2", "--limit", "150", "--batch-size", "32", "--set", "evaluation.num_samples=2"]


def _start(*arguments, cwd=ROOT, **variables):
    environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, str(ROOT / "run.py"), *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def _call(*arguments, code=0, cwd=ROOT, **variables):
    """Run a command to its end; return its stdout, or its stderr where it is to fail."""
    process = _start(*arguments, cwd=cwd, **variables)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, out + err
    return err if code else out


@pytest.fixture
def here(run_cli, forgetting):
    """Run a command in this process, which forgets its parts after it; return what `_call` does."""

    def call(*arguments, code=0):
        with forgetting():
            ended, out, err = run_cli(*arguments)
        assert ended == code, out + err
        return err if code else out

    return call


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    for name, text in {"net": NETWORK, "latent": LATENT, "likelihood": LIKELIHOOD, "source": SOURCE}.items():
        (folder / f"my_{name}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def wide(files, tmp_path_factory):
    """Train, be killed, go on, move away and lose the file: the run is all that is left."""
    run, copy = RunDirectory(tmp_path_factory.mktemp("runs") / "a"), files / "to_lose" / "my_net.py"
    copy.parent.mkdir()
    shutil.copy(files / "my_net.py", copy)
    own = ["--parts", copy, "--set", "model.network.kind=wide", "--set", "model.network.width=24"]
    process = _start("train", *own, *TINY, "--epochs", "300", "--run-dir", run.path)
    deadline = time.monotonic() + 120
    while len(run.read_metrics()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    epochs = len(run.read_metrics()) + 2
    assert epochs > 3
    moved = run.path.with_name("moved")
    run.path.rename(moved)
    shutil.rmtree(copy.parent)
    told = _call("train", "--resume", "--run-dir", moved, "--epochs", epochs, code=2)
    assert "my_net.py (SHA-256 " in told and f"--parts {moved}" in told and "Traceback" not in told
    out = _call("train", "--resume", "--run-dir", moved, "--epochs", epochs, "--parts", moved)
    assert f"export {moved} --parts {moved}" in out
    return moved


def test_a_run_is_measured_and_drawn_from_itself_alone(wide, here, tmp_path):
    found = json.loads(here("evaluate", wide, "--parts", wide, "--num-samples", 2, "--json"))
    assert np.isfinite(found["nll"])
    assert yaml.safe_load((wide / "config.yaml").read_text())["model"]["network"] == {"kind": "wide", "width": 24}
    here("report", wide, "--parts", wide, "--num-samples", 2, "-o", tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_code_of_a_run_is_not_executed_unasked(wide, here):
    told = here("evaluate", wide, code=2)
    assert re.search(r"my_net.py \(SHA-256 [0-9a-f]{64}\).*Look at .*my_net.py, then add --parts ", told)
    assert json.loads(here("runs", "--folder", wide.parent, "--json"))["runs"][0]["latent"] == "gaussian"


def test_another_file_and_a_changed_copy_are_refused(wide, files, here, tmp_path):
    other = tmp_path / "my_net.py"
    other.write_text(NETWORK.replace("gelu", "relu"))
    assert f"{other} is not the file that {wide} was trained with" in here("evaluate", wide, "--parts", other, code=2)
    changed = tmp_path / "changed"
    shutil.copytree(wide, changed)
    (changed / "parts" / "my_net.py").write_text("raise SystemExit('it was executed')")
    told = here("evaluate", changed, "--parts", changed, code=2)
    assert "is not what the run was trained with" in told and "it was executed" not in told


def test_a_search_over_a_setting_of_ones_own(files, here, tmp_path):
    space = tmp_path / "space.yaml"
    parameter = {"path": "model.network.width", "name": "width", "kind": "int", "min": 4, "max": 8, "step": 4}
    space.write_text(yaml.safe_dump({"base": {"model": {"network": {"kind": "wide"}}}, "parameters": [parameter]}))
    arguments = ["tune", "--space", space, "--tuner", "grid", "--output", tmp_path, "--name", "s", "--workers", 2, "--no-refit"]
    _call(*arguments, *["--parts", files / "my_net.py", "--epochs", 1, "--set", "data.limit=100"])
    assert {json.loads(p.read_text())["values"]["width"] for p in tmp_path.glob("s/trials/*/trial.json")} == {4, 8}
    assert (tmp_path / "s" / "parts" / "my_net.py").read_text() == NETWORK
    assert "--parts" in here("tune", "--resume", "--output", tmp_path, "--name", "s", code=2)
    here("show", tmp_path / "s" / "winner", "--parts", tmp_path / "s" / "winner")


def _export_and_ask(run, folder, ask_and_end):
    """Export a run by its own parts, and serve and ask what it became, which needs none."""
    _call("export", run, "--parts", run, "--check", "--output", folder, "--name", "own")
    ports = ["--engine", "embedded", "--rest-port", "0", "--grpc-port", "0"]
    ask_and_end(_start("serve", folder / "own", *ports), _call, "own")


def test_a_servable_needs_no_parts(wide, tmp_path, ask_and_end):
    _export_and_ask(wide, tmp_path, ask_and_end)


def test_a_latent_a_likelihood_and_a_source_together(files, here, tmp_path, ask_and_end):
    own = [word for name in ("latent", "likelihood", "source") for word in ("--parts", files / f"my_{name}.py")]
    run = tmp_path / "run"
    chosen = ["--dataset", "mine:200", "--latent", "laplace:3", "--set", "model.likelihood={kind: student, freedom: 5}"]
    here("train", *own, *chosen, *TINY, "--run-dir", run)
    assert {path.name for path in (run / "parts").iterdir()} == {
        *("my_latent.py", "my_likelihood.py", "my_source.py", "SHA256SUMS"),
    }
    found = json.loads(here("evaluate", run, "--parts", run, "--num-samples", 5, "--json"))
    assert found["nll"] <= found["negative_elbo"] + 1.0
    for command in ("interpolate", "traverse", "generate"):
        here(command, run, "--parts", run, "-o", tmp_path / f"{command}.png")
    here("score", run, "--parts", run, "-o", tmp_path / "scores.csv", "--num-samples", 2)
    assert len((tmp_path / "scores.csv").read_text().splitlines()) > 10
    here("report", run, "--parts", run, "--num-samples", 2, "-o", tmp_path / "report.html")
    here("train", "--resume", "--run-dir", run, "--epochs", 3, "--parts", run)
    assert len(RunDirectory(run).read_metrics()) == 3
    _export_and_ask(run, tmp_path, ask_and_end)
    space = {"base": {"model": {"latents": [{"kind": "laplace"}], "likelihood": {"kind": "student"}}}}
    space["parameters"] = [{"path": "model.latents[0].size", "kind": "choice", "values": [2, 3]}]
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(space))
    search = ["tune", "--space", tmp_path / "space.yaml", "--tuner", "grid", "--output", tmp_path, "--name", "s", "--no-refit"]
    here(*search, *own, "--dataset", "mine:200", "--epochs", 1)
    assert len(list(tmp_path.glob("s/trials/*/trial.json"))) == 2
    told = here("train", *own[:2], "--set", "model.latents=[{kind: laplace, size: 0}]", code=2)
    assert "model.latents[0].size must be > 0. Received: 0." in told


def test_an_installed_package_adds_parts_by_an_entry_point(tmp_path):
    package, info = tmp_path / "wide_networks.py", tmp_path / "wide_networks-1.2.dist-info"
    package.write_text(NETWORK)
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wide-networks\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[vae_tf.parts]\nwide = wide_networks\n")
    path = f"{ROOT}{os.pathsep}{tmp_path}"
    run = tmp_path / "run"
    _call("train", "--set", "model.network.kind=wide", *TINY, "--run-dir", run, PYTHONPATH=path)
    _call("show", run, PYTHONPATH=path)
    assert not (run / "parts").exists()
    package.write_text("raise RuntimeError('broken')")
    told = _call("show", run, code=2, PYTHONPATH=path)
    assert "wide_networks of wide-networks cannot be imported: RuntimeError: broken" in told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = (", r"my_parts.py, line 2: SyntaxError"),
        ("x = 1\n1 / 0", r"my_parts.py, line 2: ZeroDivisionError: division by zero"),
        ("import missing_module", r"ModuleNotFoundError: No module named 'missing_module'"),
        ("x = 1", r"registers no part: decorate a class with @register"),
        ("raise SystemExit(3)", r"line 1: SystemExit: 3"),
    ],
)
def test_code_that_fails_is_one_line(text, message, here, tmp_path):
    (tmp_path / "my_parts.py").write_text(text)
    told = here("datasets", "--parts", tmp_path / "my_parts.py", code=2)
    assert re.search(message, told) and len(told.strip().splitlines()) == 1
