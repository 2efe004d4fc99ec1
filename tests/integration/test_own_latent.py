"""A latent of a user's own with the methods that must be there and no other, in everything that is done with a run."""

import importlib
import json

import numpy as np
import pytest
import typer

from vae_tf import program
from vae_tf.cli import main
from vae_tf.cli.parts_check import check
from vae_tf.parts import files, known

LATENT = '''
import tensorflow as tf
from tensorflow_probability.python.distributions import Independent, Laplace

from vae_tf.parts import KL_WARM_UP, Given, Latent, Name, PositiveInt, ScheduleLike, register


@register("own_laplace")
class OwnLaplaceLatent(Latent):
    """Independent Laplace variables."""

    short = ("size",)

    def __init__(
        self, size: PositiveInt = 4, kl_weight: ScheduleLike = KL_WARM_UP, seed: Given[int] = 0, name: Name | None = None
    ) -> None:
        super().__init__(name=name, kl_weight=kl_weight, seed=seed)
        self.size = size
        self.params_size = 2 * size

    def posterior(self, params):
        loc, raw = tf.split(params, 2, axis=-1)
        return Independent(Laplace(loc, tf.nn.softplus(raw) + 1e-3), 1)

    def prior(self):
        return Independent(Laplace(tf.zeros(self.size), tf.ones(self.size)), 1)

    def sample(self, q, seed, num_samples=(), hard=False):
        z = q.sample(num_samples, seed=seed)
        return z, q.log_prob(z) - self.prior().log_prob(z)

    def kl(self, q, log_ratio):
        return q.kl_divergence(self.prior())

    def mean(self, q):
        return q.distribution.loc

    def draw(self, num, seed, temperature=1.0):
        return temperature * self.prior().sample(num, seed=seed)
'''
SOURCE = '''
import numpy as np

from vae_tf.parts import Source, register


@register("own_rows")
class OwnRows(Source):
    """Made rows."""

    def arrays(self, argument):
        return {"x": np.random.default_rng(int(argument)).normal(size=(60, 3))}
'''
TRAIN = ["train", "--latent", "own_laplace:3", "--limit", "100", "--epochs", "1", "--set", "model.network.kind=mlp"]
OWN = ("own_laplace", "own_rows")


def _forget():
    """Make this process one that has no parts of a user's own again."""
    for kinds in known._REGISTERED.values():
        for kind in OWN:
            kinds.pop(kind, None)
    for path in [path for path in program._OWN_PARTS if path.name.startswith("own_")]:
        program._OWN_PARTS.remove(path)
    for sha256 in [sha256 for sha256, file in files._LOADED.items() if file.path.name.startswith("own_")]:
        del files._LOADED[sha256]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Return the file of the latent, and a run of it."""
    folder = tmp_path_factory.mktemp("own")
    path = folder / "own_laplace.py"
    path.write_text(LATENT)
    with pytest.raises(SystemExit) as stopped:
        main([*TRAIN, "--run-dir", str(folder / "run"), "--parts", str(path)])
    assert not stopped.value.code
    yield path, folder / "run"
    _forget()


@pytest.fixture
def forgotten():
    _forget()
    yield
    _forget()


@pytest.fixture
def run_check(run_cli, monkeypatch):
    """Call `parts check`."""
    module = importlib.import_module("vae_tf.cli.app")
    if not any(group.name == "parts" for group in module.app.registered_groups):
        group, app = typer.Typer(), typer.Typer(pretty_exceptions_enable=False)
        group.command("check")(check)
        group.callback()(lambda: None)
        app.add_typer(group, name="parts")
        monkeypatch.setattr(module, "app", app)
    return lambda *arguments: run_cli("parts", "check", *arguments)


def test_evaluation_says_what_is_left_out(own, run_cli, parse):
    path, run = own
    arguments = ("--limit", 50, "--num-samples", 2, "--measures", "bounds,latent", "--json", "--parts", path)
    code, out, err = run_cli("evaluate", run, *arguments)
    assert code == 0, err
    found = parse(out)
    block = found["latent"]["blocks"][0]
    assert (block["name"], block["axes"]) == ("own_laplace", [])
    told = [finding["text"] for finding in found["findings"] if "left out" in finding["text"]]
    assert told == [f"Block own_laplace: {block['left_out']}"]
    assert block["left_out"].endswith("OwnLaplaceLatent has no method 'factors'.")


@pytest.mark.parametrize("command", ["interpolate", "traverse", "reconstruct", "generate"])
def test_pictures(command, own, run_cli, tmp_path):
    path, run = own
    code, out, err = run_cli(command, run, "-o", tmp_path / "a.png", "--parts", path)
    assert code == 0, err
    assert out.strip().endswith("a.png")
    if command == "traverse":
        assert "own_laplace[2]" in err


def test_codes_are_the_mean(own, run_cli, tmp_path):
    path, run = own
    assert run_cli("encode", run, "-o", tmp_path / "codes.npz", "--parts", path)[0] == 0
    assert np.load(tmp_path / "codes.npz")["mean"].shape[1] == 3


def test_report(own, run_cli, tmp_path):
    path, run = own
    code, _, err = run_cli("report", run, "-o", tmp_path / "a.html", "--limit", 50, "--num-samples", 2, "--parts", path)
    assert code == 0, err
    assert "has no method &#39;factors&#39;" in (tmp_path / "a.html").read_text()


def test_exported_is_served_without_the_file(own, run_cli, parse, tmp_path):
    path, run = own
    code, out, err = run_cli("export", run, "--output", tmp_path, "--check", "--json", "--parts", path)
    assert code == 0, err
    assert {"encode", "interpolate", "sample", "score"} <= {item["name"] for item in parse(out)["checks"]}


def test_an_objective_that_needs_more_says_so(own, run_cli, tmp_path):
    arguments = ("--run-dir", tmp_path / "run", "--parts", own[0], "--set", "objective.kind=beta_tc")
    code, _, err = run_cli(*TRAIN, *arguments)
    assert code == 2
    assert "objective.kind beta_tc: it needs one Gaussian block with independent axes" in err


def test_a_method_that_must_be_there_is_named(run_cli, tmp_path, forgotten):
    path = tmp_path / "own_less.py"
    path.write_text(LATENT.replace("def mean(", "def means("))
    code, _, err = run_cli(*TRAIN, "--run-dir", tmp_path / "run", "--parts", path)
    assert code == 2
    assert err.strip().endswith("The latent own_laplace lacks mean: add that to the class OwnLaplaceLatent.")


def test_parts_check(run_check, tmp_path, forgotten):
    path = tmp_path / "own_laplace.py"
    path.write_text(LATENT + "# here\n")
    code, out, err = run_check(path)
    assert (code, out) == (0, "")
    assert "All promises are kept." in err
    assert "no 'traverse' of its own" in " ".join(err.replace("│", "").split())


def test_parts_check_names_what_is_broken(run_check, tmp_path, forgotten):
    path = tmp_path / "own_wrong.py"
    path.write_text(LATENT.replace("return q.kl_divergence", "return 0.5 * q.kl_divergence"))
    code, out, _ = run_check(path, "--json")
    found = json.loads(out)
    assert (code, found["passed"], list(found["parts"])) == (1, False, ["latent own_laplace"])
    broken = [finding for finding in found["parts"]["latent own_laplace"] if finding["passed"] is False]
    assert [finding["promise"] for finding in broken] == ["KL exact = Monte Carlo"]


def test_parts_check_loads_a_source_when_it_is_told_what(run_check, tmp_path, forgotten):
    path = tmp_path / "own_rows.py"
    path.write_text(SOURCE)
    code, out, _ = run_check(path, "--dataset", "own_rows:5", "--json")
    findings = json.loads(out)["parts"]["source own_rows"]
    assert code == 0
    assert {f["passed"] for f in findings if f["promise"] == "splits share no example"} == {True}
    code, _, err = run_check(path, "--dataset", "digits")
    assert code == 2
    assert "--dataset must begin with the kind of a source" in err
    assert "(source own_rows). Received: 'digits'." in err
