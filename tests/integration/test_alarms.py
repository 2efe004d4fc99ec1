"""`alarms`: a moment that a model of windows does not expect is named with its date and what was expected."""

import csv
from datetime import datetime, timedelta

import numpy as np
import pytest

from vae_tf.cli import main
from vae_tf.evaluation.alarms import MomentScores, find_alarms

SPIKE = range(60, 63)


def _write(path, values, first=datetime(2024, 5, 1), gap=None):
    lines = ["flow,level,when"]
    for hour, (flow, level) in enumerate(values):
        cell = "" if hour == gap else f"{flow:.4f}"
        lines.append(f"{cell},{level:.4f},{first + timedelta(hours=hour):%Y-%m-%d %H:%M}")
    path.write_text("\n".join(lines) + "\n")


def _series(count, seed):
    angle = np.arange(count) / 4
    return np.stack([10 + np.sin(angle), 500 + 50 * np.cos(angle)], 1) + np.random.default_rng(seed).normal(size=[count, 2]) * [
        0.05,
        2.5,
    ]


@pytest.fixture(scope="module")
def series_run(tmp_path_factory):
    """A run on the windows of a series."""
    folder = tmp_path_factory.mktemp("series")
    _write(folder / "old.csv", _series(600, 0), datetime(2024, 1, 1))
    settings = ["data.window=8", "model.network={kind: mlp, widths: [32]}", "training.pictures_every=100"]
    settings += ["model.likelihood={kind: gaussian, scale_kind: elementwise}"]
    chosen = [part for one in settings for part in ("--set", one)]
    with pytest.raises(SystemExit) as stopped:
        data = ["--dataset", f"csv:{folder / 'old.csv'}", "--run-dir", str(folder / "run")]
        main(["train", *data, "--steps", "400", "--latent", "gaussian:2", *chosen])
    assert not stopped.value.code
    return folder / "run"


def test_a_spike_is_an_alarm_with_its_moments_and_what_was_expected(series_run, run_cli, parse, tmp_path):
    values = _series(200, 1)
    usual = values[SPIKE, 1].copy()
    values[SPIKE, 1] += 120.0
    _write(tmp_path / "new.csv", values, gap=150)
    code, out, _ = run_cli("alarms", series_run, "--data", f"csv:{tmp_path / 'new.csv'}", "-o", tmp_path / "a.csv",
                           "--rate", "0.02", "--picture", tmp_path / "a.png", "--json")  # fmt: skip
    assert code == 0
    worst = max(parse(out)["stretches"], key=lambda one: one["nats"])
    assert (worst["from"], worst["to"], worst["moments"]) == ("2024-05-03 12:00", "2024-05-03 14:00", 3)
    assert worst["channel"] == "level"
    assert worst["was"] > max(usual) + 90
    assert min(usual) - 25 < worst["expected"] < max(usual) + 25
    with (tmp_path / "a.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [rows[place]["is_alarm"] for place in SPIKE] == ["1"] * 3
    assert rows[150]["nats"] == rows[150]["is_alarm"] == ""
    assert rows[60]["moment"] == "2024-05-03 12:00"
    assert rows[60]["expected level"] and not rows[0]["expected level"]
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_rate_that_the_validation_split_cannot_tell_is_said_and_the_advised_one_is_not(series_run, run_cli, tmp_path):
    code, _, err = run_cli("alarms", series_run, "-o", tmp_path / "a.csv", "--rate", "0.001")
    assert code == 0
    assert "takes 1,000 ordinary moments to see; the validation split has 60" in err
    advised = err.split("--rate ")[-1].split()[0]
    code, _, err = run_cli("alarms", series_run, "-o", tmp_path / "a.csv", "--rate", advised)
    assert (code, "ordinary moments to see" in err) == (0, False)


def test_a_run_on_other_things_than_rows_in_time_is_refused(tiny_run, run_cli, tmp_path):
    code, _, err = run_cli("alarms", tiny_run, "-o", tmp_path / "a.csv")
    assert code == 2
    assert "alarms needs rows in time, of which windows are made (data.window). Received: pictures" in " ".join(err.split())
    assert not (tmp_path / "a.csv").exists()


def test_a_stretch_does_not_go_from_one_series_into_the_next():
    nats, series = np.array([0.0, 9.0, 9.0, 0.0]), np.array([0, 0, 1, 1])
    scores = MomentScores(np.array(["a: 1", "a: 2", "b: 1", "b: 2"]), nats[:, None], nats, ("x",), series)
    assert [(one.first, one.last) for one in find_alarms(scores, 5.0)] == [(1, 1), (2, 2)]
    alone = MomentScores(scores.times, scores.values, nats, ("x",))
    assert [(one.first, one.last) for one in find_alarms(alone, 5.0)] == [(1, 2)]
