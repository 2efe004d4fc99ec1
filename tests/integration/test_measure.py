"""compare, score and report from the command line; the report in a real browser."""

import csv
import json
import re
import shutil
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vae_tf.evaluation import features, generation
from vae_tf.program import program

BROWSER = shutil.which("chromium"), shutil.which("chromedriver")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(features, "_STEPS", 30)
    monkeypatch.setattr(generation, "_NUM_GENERATED", 60)


@pytest.fixture(scope="module")
def page(tiny_runs, tmp_path_factory):
    """Return a report on a joint model and an autoencoder."""
    from vae_tf.cli import main

    path = tmp_path_factory.mktemp("report") / "report.html"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(features, "_STEPS", 30)
        patch.setattr(generation, "_NUM_GENERATED", 60)
        runs = [str(tiny_runs[name]) for name in ("joint", "gaussian")]
        main(["report", *runs, "-o", str(path), "--limit", "30", "--num-samples", "10"])
    assert not stopped.value.code
    return path


def _size(path):
    with Image.open(path) as picture:
        return picture.size


def _rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


# --- evaluate ---


def test_evaluate_gives_every_part(tiny_runs, run_cli, parse):
    _, out, _ = run_cli("evaluate", tiny_runs["joint"], "--num-samples", 10, "--limit", 20, "--json")
    found = parse(out)
    assert [row["num_samples"] for row in found["nll_at"]] == [1, 10]
    assert found["nll_at"][-1]["nll"] == found["nll"] <= found["nll_at"][0]["nll"]
    assert [block["name"] for block in found["latent"]["blocks"]] == ["gaussian", "categorical"]
    assert found["relaxed_gap"] == pytest.approx(found["relaxed"]["negative_elbo"] - found["negative_elbo"])
    assert 0.0 <= found["representation"]["knn_accuracy"] <= 1.0
    assert found["generation"]["frechet_distance"] > 0.0
    assert {finding["level"] for finding in found["findings"]} <= {"good", "note", "warning"}


def test_evaluate_only_what_is_asked_for(tiny_run, run_cli, parse):
    _, out, _ = run_cli("evaluate", tiny_run, "--parts", "latent", "--num-samples", 2, "--limit", 20, "--json")
    found = parse(out)
    assert found["latent"] and found["generation"] is None and found["representation"] is None


def test_evaluate_says_what_was_selected_on_a_split(tiny_run, run_cli):
    _, _, err = run_cli("evaluate", tiny_run, "--split", "validation", "--parts", "bounds", "--num-samples", 2)
    assert "selected on this split" in " ".join(err.split())


def test_an_unknown_part_is_named(tiny_run, run_cli):
    code, _, err = run_cli("evaluate", tiny_run, "--parts", "latent,speed")
    assert code == 2 and "Received: speed" in err


# --- compare ---


def test_compare_an_autoencoder_and_a_vae(tiny_runs, run_cli, parse, tmp_path):
    runs = [tiny_runs["autoencoder"], tiny_runs["gaussian"], tiny_runs["joint"]]
    picture = tmp_path / "compared.png"
    code, out, _ = run_cli("compare", *runs, "-o", picture, "--limit", 20, "--num-samples", 2, "--json")
    found = parse(out)["runs"]
    assert code == 0 and [run["name"] for run in found] == ["autoencoder", "gaussian", "joint"]
    assert found[0]["nll"] is None and found[1]["nll"] is not None
    origins = ["test examples", "reconstructions", "interpolation midpoints", "prior draws", "fitted Gaussian"]
    assert [[hole["origin"] for hole in run["holes"]] for run in found] == [origins, origins, origins[:-1]]
    assert found[0]["holes"][0]["distance"] == 1.0
    assert _size(picture)[0] > 500


def test_compare_shows_tables(tiny_runs, run_cli):
    code, _, err = run_cli("compare", tiny_runs["autoencoder"], tiny_runs["gaussian"], "--limit", 20, "--num-samples", 2)
    assert code == 0 and "fitted Gaussian" in err and "negative ELBO" in err


@pytest.mark.parametrize("count", [1, 2])
def test_compare_needs_two_different_runs(count, tiny_run, run_cli):
    code, _, err = run_cli("compare", *[tiny_run] * count)
    assert code == 2 and "two or more different runs" in err


# --- score ---


def test_score_writes_one_row_an_example(tiny_run, run_cli, parse, tmp_path):
    code, out, _ = run_cli("score", tiny_run, "-o", tmp_path / "s.csv", "--num-samples", 2, "--anomalies", "3,5", "--json")
    rows = _rows(tmp_path / "s.csv")
    found = parse(out)
    assert code == 0 and len(rows) == found["num_examples"]
    assert {row["is_anomaly"] for row in rows if row["label"] in ("3", "5")} == {"1"}
    assert np.mean([float(row["nll"]) for row in rows]) == pytest.approx(found["mean"]["nll"], rel=1e-4)
    assert [one["score"] for one in found["detection"]] == ["negative_elbo", "nll"]


def test_a_run_of_some_classes_finds_the_others(run_cli, parse, tmp_path):
    run = tmp_path / "run"
    settings = ["--epochs", "1", "--set", "data.classes=[0,1]", "--set", "model.network={kind: mlp, widths: [8]}"]
    assert run_cli("train", "--run-dir", run, "--latent", "gaussian:2", *settings)[0] == 0
    arguments = ["score", run, "-o", tmp_path / "s.csv", "--num-samples", 2, "--picture", tmp_path / "s.png", "--json"]
    detection = parse(run_cli(*arguments)[1])["detection"][0]
    assert detection["num_anomalies"] == 240 and detection["num_normal"] == 60  # 30 of each class
    assert _size(tmp_path / "s.png")[0] > 500


def test_score_other_data_without_labels(tiny_run, run_cli, parse, tmp_path):
    np.savez(tmp_path / "new.npz", x=np.zeros((2, 8, 8), np.uint8))
    code, out, err = run_cli("score", tiny_run, "--data", f"npz:{tmp_path / 'new.npz'}", "-o", tmp_path / "s.csv")
    assert code == 0 and "No ROC AUC" in err and out.strip() == str(tmp_path / "s.csv")
    rows = _rows(tmp_path / "s.csv")
    assert [(row["split"], row["row"]) for row in rows] == [("", "0"), ("", "1")]  # no split of the run's


def test_splits_are_named_where_the_data_have_them(tiny_run, run_cli, tmp_path):
    x = np.zeros((2, 8, 8), np.uint8)
    np.savez(tmp_path / "new.npz", x_train=x, x_test=x)
    for data, names in {"new": ["train", "train", "test", "test"], None: ["test"] * 3}.items():
        given = ["--data", f"npz:{tmp_path / 'new.npz'}"] if data else ["--limit", 3]
        assert run_cli("score", tiny_run, *given, "-o", tmp_path / "s.csv", "--num-samples", 2)[0] == 0
        assert [row["split"] for row in _rows(tmp_path / "s.csv")] == names


TRAIN = "of the split train"
NO_DETECTION = {
    "no labels": (None, [], "the scored examples have no labels"),
    "a single label": ([3] * 6, ["--anomalies", "3"], f"all labelled examples {TRAIN} are 3. It takes anomalies"),
    "nothing said": ([3, 4] * 3, [], f"--anomalies says which labels are anomalies. Labels {TRAIN}: 3, 4."),
    "no anomaly": (
        [3, 4] * 3,
        ["--anomalies", "7"],
        f"none of the labelled examples {TRAIN} are anomalies. Their labels: 3, ",
    ),
    "no normal one": ([3, 4] * 3, ["--anomalies", "3,4"], f"all of the labelled examples {TRAIN} are anomalies."),
}


@pytest.mark.parametrize("case", NO_DETECTION)
def test_why_there_is_no_roc_auc_is_said_of_the_case_at_hand(tiny_run, run_cli, tmp_path, case):
    labels, options, told = NO_DETECTION[case]
    arrays = {"x_train": np.arange(6 * 64, dtype=np.uint8).reshape(6, 8, 8) % 17, "x_test": np.zeros((2, 8, 8), np.uint8)}
    named = {"y_train": np.array(labels), "y_test": np.array([7, 7])} if labels else {}
    np.savez(tmp_path / "new.npz", **arrays, **named)
    data = ["--data", f"npz:{tmp_path / 'new.npz'}", "--split", "train", "--num-samples", 2]
    code, _, err = run_cli("score", tiny_run, *data, "-o", tmp_path / "s.csv", *options)
    assert code == 0, err
    assert f"No ROC AUC: {told}" in err
    assert ("--anomalies" in err) == (labels is not None and len(set(labels)) > 1)


def test_score_other_data_than_a_table_whose_classes_were_cut(run_cli, tmp_path):
    rows = "".join(f"{n % 7},{n % 5},{n}\n" for n in range(60))
    (tmp_path / "old.csv").write_text("a,b,price\n" + rows)
    (tmp_path / "new.csv").write_text("a,b\n1,2\n3,4\n5,1\n")
    data = ["--dataset", f"csv:{tmp_path / 'old.csv'}", "--set", "data.label_column=price", "--set", "data.label_bins=3"]
    model = ["--latent", "gaussian:2", "--set", "model.network={kind: mlp, widths: [8]}", "--epochs", "1"]
    assert run_cli("train", "--run-dir", tmp_path / "run", *data, *model)[0] == 0
    code, _, err = run_cli("score", tmp_path / "run", "--data", f"csv:{tmp_path / 'new.csv'}", "-o", tmp_path / "s.csv")
    assert code == 0, err
    assert len(_rows(tmp_path / "s.csv")) == 3


def test_score_refuses_other_shapes_and_writes_nothing(tiny_run, run_cli, tmp_path):
    np.savez(tmp_path / "new.npz", x=np.zeros((2, 4, 4), np.uint8))
    code, _, err = run_cli("score", tiny_run, "--data", f"npz:{tmp_path / 'new.npz'}", "-o", tmp_path / "s.csv")
    assert code == 2 and "(8, 8, 1)" in err and "Traceback" not in err
    assert not (tmp_path / "s.csv").exists()


# --- report ---


class _Page(HTMLParser):
    """Collects what a page would fetch, and the ids it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched, self.links, self.ids, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.fetched += [found[key] for key in ("src", "href", "xlink:href", "srcset") if key in found and tag != "a"]


def test_the_report_holds_everything_in_itself(page):
    text, parser = page.read_text("utf-8"), _Page()
    parser.feed(text)
    assert all(address.startswith(("data:", "#")) for address in parser.fetched)
    assert "script" not in parser.tags and "@import" not in text
    assert {link.removeprefix("#") for link in parser.links} <= set(parser.ids)
    assert "#010203" not in text and "nan" not in re.sub(r"data:[^\"]*", "", text).lower().split()


def test_the_report_s_figures_are_well_formed(page):
    figures = re.findall(r"<svg.*?</svg>", page.read_text("utf-8"), re.DOTALL)
    assert len(figures) > 6
    for figure in figures:
        ET.fromstring(figure)  # noqa: S314 - our own


def test_the_report_says_what_a_reader_needs(page, tiny_runs):
    text = page.read_text("utf-8")
    for needed in (
        "Side by side",
        "negative ELBO",
        "active axes",
        "Frechet distance",
        "How each number is measured",
        "kl_kind",
    ):
        assert needed in text
    assert f"{program()} evaluate {tiny_runs['joint']} --split test --num-samples 10 --limit 30" in text


def test_a_report_with_a_bad_name_is_refused_before_work(tiny_run, run_cli, tmp_path):
    code, _, err = run_cli("report", tiny_run, "-o", tmp_path / "report.pdf")
    assert code == 2 and ".html" in err


@pytest.mark.skipif(None in BROWSER, reason="needs chromium and chromedriver on the PATH")
@pytest.mark.parametrize("width", [1200, 390])
def test_the_report_in_a_browser(width, page):
    """No console error, nothing fetched but the page, every picture shown, no sideways scrolling."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER[0]
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(BROWSER[1]))
    try:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(Path(page).as_uri())
        events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        addresses = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        assert [a for a in addresses if not a.startswith("data:")] == [Path(page).as_uri()]
        assert browser.get_log("browser") == []
        assert browser.execute_script("return [...document.images].every(i => i.complete && i.naturalWidth > 0)")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.quit()
