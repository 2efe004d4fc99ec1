"""What is asked of a series: alarms with dates, what follows in bands, gaps filled in by what is around them."""

import csv
from datetime import datetime, timedelta

import numpy as np
import pytest

from vae_tf import Run
from vae_tf.cli import main
from vae_tf.errors import UserValueError
from vae_tf.evaluation.alarms import MomentScores, find_alarms

SPIKE = range(60, 63)


def _write(path, values, first=datetime(2024, 5, 1), gaps=(), low=()):
    lines = ["flow,level,when"]
    for hour, (flow, level) in enumerate(values):
        cells = "" if hour in gaps else f"{flow:.4f}", "" if hour in low else f"{level:.4f}"
        lines.append(f"{','.join(cells)},{first + timedelta(hours=hour):%Y-%m-%d %H:%M}")
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
    _write(tmp_path / "new.csv", values, gaps=[150])
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


def _rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_forecast_has_dates_and_bands_and_says_how_good_it_is(series_run, run_cli, parse, tmp_path):
    values = _series(130, 1)
    _write(tmp_path / "new.csv", values[:120])
    given = ["--data", f"csv:{tmp_path / 'new.csv'}", "--horizon", "4", "-o", tmp_path / "f.csv"]
    code, out, _ = run_cli("forecast", series_run, *given, "--picture", tmp_path / "f.png", "--json")
    assert code == 0
    rows = _rows(tmp_path / "f.csv")
    assert [row["moment"] for row in rows] == [f"2024-05-06 0{hour}:00" for hour in range(4)]
    told = np.array([[float(row[name]) for name in ("flow", "level")] for row in rows])
    low, high = (
        np.array([[float(row[f"{name} {side}"]) for name in ("flow", "level")] for row in rows]) for side in ("low", "high")
    )
    assert (low < told).all() and (told < high).all()
    assert (np.abs(told - values[120:124]) < [0.4, 20.0]).all()  # 8 standard deviations of the noise
    found = parse(out)
    assert found["series"] == [
        {"name": "", "after": "2024-05-05 23:00", "from": "2024-05-06 00:00", "to": "2024-05-06 03:00", "rough": False}
    ]
    last, linear = found["obvious"]
    assert last["is_ahead"] and linear["ours"] < 2 * linear["obvious"]["value"]
    assert 0.7 < found["coverage"] <= 1.0 and len(found["errors"]) == 4 and found["num_windows"] == 14
    assert (tmp_path / "f.png").stat().st_size > 10_000


def test_a_forecast_for_people_begins_after_the_last_whole_window(series_run, run_cli, tmp_path):
    _write(tmp_path / "new.csv", _series(60, 2), gaps=[57])
    code, out, err = run_cli("forecast", series_run, "--data", f"csv:{tmp_path / 'new.csv'}", "-o", tmp_path / "f.csv")
    assert code == 0
    assert "linear regression" in err and "ends of windows that it was not trained on" in err
    assert out.split() == [str(tmp_path / "f.csv")]
    assert "3 rows at the end are in no window" in " ".join(err.split())
    assert [row["moment"] for row in _rows(tmp_path / "f.csv")] == ["2024-05-03 09:00", "2024-05-03 10:00"]


def test_in_python_rows_or_the_run_s_own_end_are_followed(series_run):
    run, values = Run.open(series_run), _series(130, 1)
    given, own = run.forecast(3, values[:100])[0], run.forecast(3)[0]
    assert given.times == ["100", "101", "102"] and own.times[0] == "2024-01-26 00:00"
    assert (np.abs(given.mean - values[100:103]) < [0.4, 20.0]).all()
    assert np.array_equal(given.before, values[95:100])
    with pytest.raises(UserValueError, match=r"at least 5 rows of 2 values.*Received: shape \[4, 2\]"):
        run.forecast(3, values[:4])


@pytest.mark.parametrize("horizon", ["8", "0"])
def test_a_horizon_that_no_window_has_is_refused(series_run, run_cli, tmp_path, horizon):
    code, _, err = run_cli("forecast", series_run, "--horizon", horizon, "-o", tmp_path / "f.csv")
    assert code == 2 and "horizon" in err and not (tmp_path / "f.csv").exists()


def test_gaps_of_a_series_are_filled_in_by_what_is_around_them(series_run, run_cli, tmp_path):
    values = _series(100, 1)
    flow, level, long = [20, 60, 61, 62], [21, 22, 60, 61], list(range(80, 88))
    _write(tmp_path / "gaps.csv", values, gaps=[*flow, *long], low=level)
    given = ["--data", tmp_path / "gaps.csv", "-o", tmp_path / "filled.csv", "--spread"]
    code, _, err = run_cli("impute", series_run, *given)
    assert code == 0 and "8 cells filled in: flow 4, level 4" in err
    assert "8 cells stay empty: a gap as long as a window (8 rows) or longer" in " ".join(err.split())
    was, filled = _rows(tmp_path / "gaps.csv"), _rows(tmp_path / "filled.csv")
    assert all(new[name] == cell for old, new in zip(was, filled, strict=True) for name, cell in old.items() if cell)
    assert [filled[row]["flow"] for row in long] == [""] * 8
    for name, rows, channel, noise in (("flow", flow, 0, 0.05), ("level", level, 1, 2.5)):
        off = np.array([float(filled[row][name]) for row in rows]) - values[rows, channel]
        assert np.abs(off).max() < 6 * noise
        assert all(0 < float(filled[row][f"{name}_spread"]) < 5 * noise for row in rows)


def test_draws_of_a_gap_differ_and_every_series_has_its_own(series_run, run_cli, tmp_path):
    _write(tmp_path / "gaps.csv", _series(40, 1), gaps=[20])
    code, out, _ = run_cli("impute", series_run, "--data", tmp_path / "gaps.csv", "-o", tmp_path / "f.csv", "--draws", "2")
    assert code == 0
    first, second = (_rows(tmp_path / f"f-{number}.csv")[20]["flow"] for number in (1, 2))
    assert first and second and first != second and len(out.split()) == 2


@pytest.mark.parametrize("command", ["forecast", "impute"])
def test_what_is_no_series_is_refused(tiny_run, run_cli, tmp_path, command):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    given = ["--data", tmp_path / "t.csv"] if command == "impute" else []
    code, _, err = run_cli(command, tiny_run, *given, "-o", tmp_path / "a.csv")
    assert code == 2 and "rows in time" in err and "data.window" in err and not (tmp_path / "a.csv").exists()
