"""Trials that fail: shown with settings and reason, and the search goes on; the same command goes on with it, from anywhere."""

import json

import pytest
import yaml
from test_own_parts import LATENT, NETWORK

from vae_tf.tuning import trials
from vae_tf.tuning.search import SearchDirectory

SMALL = ["--epochs", 1, "--set", "data.limit=60", "--set", "training.batch_size=32", "--set", "evaluation.num_samples=2"]
PARTS = {
    "when it is built": (
        NETWORK.replace(
            "    def encoder(self, event_shape, params_size, num_labels=0):",
            "    def encoder(self, event_shape, params_size, num_labels=0):\n        {}['a'] if self.width == 3 else 0",
        ),
        ("width", "model.network.width", "model.network.kind=wide"),
    ),
    "in a graph": (
        LATENT.replace(
            "    def posterior(self, params):", "    def posterior(self, params):\n        {}['a'] if self.size == 3 else 0"
        ),
        ("size", "model.latents[0].size", "model.latents=[{kind: laplace}]"),
    ),
}
"""Parts of one's own that break where a number is 3, and how they are chosen."""


def _space(folder, values, name="size", path="model.latents[0].size"):
    file = folder / "space.yaml"
    file.write_text(yaml.safe_dump({"parameters": [{"path": path, "name": name, "kind": "choice", "values": values}]}))
    return file


def _tune(folder, space, *more):
    return ["tune", "--space", space, "--tuner", "grid", "--output", folder, "--name", "s", "--no-refit", *SMALL, *more]


@pytest.fixture
def failing(monkeypatch):
    """Let trainings of some latent sizes end by an error."""
    whole = trials.train

    def fail(errors):
        def train(config, *arguments, **settings):
            error = errors.get(config.model.latents[0].size)
            if error:
                raise error
            return whole(config, *arguments, **settings)

        monkeypatch.setattr(trials, "train", train)

    return fail


def _flat(text):
    return " ".join(text.replace("│", " ").split())


def test_failed_trials_are_shown_at_the_end_in_the_report_and_by_show(run_cli, parse, failing, tmp_path):
    import tensorflow as tf

    from vae_tf.training import NonFiniteLossError

    full = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
    failing({3: NonFiniteLossError("The loss is not finite."), 4: MemoryError(), 5: full})
    space = _space(tmp_path, [2, 3, 4, 5])
    code, _, err = run_cli(*_tune(tmp_path, space))
    assert code == 0, err
    table = _flat(err.partition("Trainings that failed")[2])
    for row in ("1-1 size=3 The loss is not finite.", "2-1 size=4 Out of memory.", "3-1 size=5 Out of memory."):
        assert row in table, err
    page = (tmp_path / "s/report.html").read_text()
    assert "<td>size=4</td><td>Out of memory.</td>" in page
    code, out, err = run_cli("show", tmp_path / "s", "--json")
    assert code == 0 and {one["values"]["size"] for one in parse(out)["failures"]} == {3, 4, 5}, err
    assert "1-1 size=3 The loss is not finite." in _flat(run_cli("show", tmp_path / "s")[1])


def test_all_that_failed_is_the_user_s_with_the_commonest_reason(run_cli, failing, tmp_path):
    failing({2: MemoryError(), 3: MemoryError(), 4: trials.NonFiniteLossError("The loss is not finite.")})
    code, _, err = run_cli(*_tune(tmp_path, _space(tmp_path, [2, 3, 4])))
    last = err.splitlines()[-1]
    assert code == 2 and last.startswith("Error: No trial of ") and "2 of 3 trainings failed by: Out of memory." in last, err
    assert "2-1 size=4 The loss is not finite." in _flat(err)


@pytest.mark.parametrize("where", PARTS)
@pytest.mark.usefixtures("restored_parts")
def test_a_bug_in_a_part_of_one_s_own_fails_its_trial(run_cli, tmp_path, where):
    text, (name, path, chosen) = PARTS[where]
    (tmp_path / "mine.py").write_text(text)
    code, _, err = run_cli(
        *_tune(tmp_path, _space(tmp_path, [2, 3], name, path), "--set", chosen, "--parts", tmp_path / "mine.py")
    )
    assert code == 0, err
    (failed,) = [one for one in SearchDirectory(tmp_path / "s").read_results() if one.failure]
    assert failed.values == {name: 3} and "mine.py, line " in failed.failure and "KeyError" in failed.failure, failed.failure


def test_the_same_command_goes_on_from_another_folder(run_cli, parse, tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "tuning").mkdir(parents=True)
    there.mkdir()
    rows = "".join(f"{n % 7}.5,{n % 3}.25\n" for n in range(90))
    (here / "t.csv").write_text(f"a,b\n{rows}")
    _space(here / "tuning", [2, 3]).rename(here / "tuning/mine.yaml")
    monkeypatch.chdir(here)
    command = [
        "tune",
        "--space",
        "mine",
        "--dataset",
        "t.csv",
        "--tuner",
        "grid",
        "--name",
        "s",
        "--no-refit",
        *SMALL[:2],
        "--json",
    ]
    code, out, err = run_cli(*command)
    assert code == 0, err
    trained = (here / "runs/s/trials/1-1/trial.json").stat().st_mtime_ns
    first = parse(out)
    code, out, err = run_cli(*command, "--resume")
    assert code == 0 and "The search is complete: all 2 trainings were done before." in err, err
    assert parse(out)["trials"] == first["trials"]
    assert (here / "runs/s/trials/1-1/trial.json").stat().st_mtime_ns == trained
    code, _, err = run_cli(*command, "--resume", "--seed", 5, "--executions", 2)
    assert code == 2 and "Differ: seed is 0, not 5; executions is 1, not 2." in err, err
    monkeypatch.chdir(there)
    code, out, err = run_cli("tune", "--resume", "--output", here / "runs", "--name", "s", "--trials", 2, "--json")
    assert code == 0 and parse(out)["trials"] == first["trials"], err
    assert json.loads(out)["best"] == first["best"] and list(there.iterdir()) == []
    code, _, err = run_cli("show", here / "runs/s")
    assert code == 0, err
