"""All numbers of a model together; models side by side; their figures."""

import json
import xml.etree.ElementTree as ET
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure

from vae_tf.errors import UserValueError
from vae_tf.evaluation import features, figures, generation
from vae_tf.evaluation.assessment import PARTS, AssessmentSettings, Subject, assess
from vae_tf.evaluation.calibration import Calibration
from vae_tf.evaluation.comparison import compare_models, comparison_figure, comparison_rows, hole_rows
from vae_tf.evaluation.latent_statistics import AxisStatistics, BlockStatistics
from vae_tf.evaluation.tables import assessment_tables

QUICK = AssessmentSettings(num_samples=10, parts=("bounds", "latent"))


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(generation, "_NUM_GENERATED", 40)
    monkeypatch.setattr(features, "_STEPS", 20)


@pytest.fixture
def subject(make_vae, make_dataset):
    return Subject("a", make_vae(), make_dataset())


def test_every_part_and_plain_values(subject):
    found = assess(subject, AssessmentSettings(num_samples=3))
    values = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert all(values[part] for part in PARTS[1:] if part != "disentanglement")
    assert values["relaxed"] is None and values["disentanglement"] is None  # toy data have no known factors
    assert values["nll"] == found.bounds.nll and values["split"] == "test"
    assert found == assess(subject, AssessmentSettings(num_samples=3))
    titles = [title for title, _ in assessment_tables(found)]
    assert len(titles) == 5 and titles[0] == "Bounds on the test split"


def test_parts_left_out_are_none(subject):
    found = assess(subject, replace(QUICK, parts=()))
    assert (found.latent, found.representation, found.generation, found.relaxed_gap) == (None, None, None, None)


def test_unlabelled_data_have_no_representation(subject):
    for split in subject.dataset.splits.values():
        split.labels[:] = -1
    assert assess(subject, replace(QUICK, parts=("representation",))).representation is None


def test_relaxed_draws_are_measured_beside_hard_ones(make_vae, make_dataset):
    subject = Subject("a", make_vae({"kind": "categorical", "num_variables": 2, "num_classes": 3}), make_dataset())
    found = assess(subject, QUICK)
    assert found.relaxed_gap == found.relaxed.negative_elbo - found.bounds.negative_elbo != 0.0
    assert any(title.startswith("Relaxed draws") for title, _ in assessment_tables(found))


def test_progress_is_told_for_every_part(subject):
    told = []

    class Told:
        def __init__(self, title, total):
            told.append((title, total))

        def __enter__(self):
            return lambda count: None

        def __exit__(self, *_):
            return None

    assess(subject, AssessmentSettings(num_samples=2, limit=10), progress=Told)
    assert len(told) == 5 and told[0] == ("Bounds", 10)


@pytest.mark.parametrize(
    ("settings", "message"), [({"parts": ("latent", "speed")}, "Received: speed"), ({"split": "tset"}, "no split 'tset'")]
)
def test_wrong_settings_are_named(subject, settings, message):
    with pytest.raises(UserValueError, match=message):
        assess(subject, AssessmentSettings(**settings))


def test_a_collapsed_run_is_diagnosed(make_config, start, make_dataset, tmp_path):
    """Collapsed on purpose: the KL weighs fifty times what it should, from the first step."""
    latents = [{"kind": "gaussian", "size": 2, "kl_weight": 50.0}]
    _, outcome = start(make_config(latents, epochs=10, learning_rate=0.01), tmp_path / "run", eager=True)
    found = assess(Subject("collapsed", outcome.vae, make_dataset()), replace(QUICK, parts=("latent",)))
    warnings = [finding for finding in found.findings if finding.level == "warning"]
    assert "Block gaussian has collapsed" in warnings[0].text and "model.latents[0].kl_weight" in warnings[0].advice
    assert found.latent.blocks[0].num_active == 0 and found.latent.decoder_use < 0.1


# --- side by side ---


def test_models_side_by_side(make_vae, make_dataset):
    dataset = make_dataset()
    latents = {"ae": {"kind": "deterministic", "size": 2}, "vae": {"kind": "gaussian", "size": 2}}
    latents["cat"] = {"kind": "categorical", "num_variables": 1, "num_classes": 3}
    subjects = [Subject(name, make_vae(latent), dataset) for name, latent in latents.items()]
    told = []

    def progress(title, total):
        told.append(title)
        return nullcontext(lambda count: None)

    compared = compare_models(subjects, AssessmentSettings(num_samples=2), progress)
    assert sum("Learning features" in title for title in told) == 1  # one data set, one feature space
    rows = {row[0]: row[1:] for row in comparison_rows(compared)}
    assert all(len(row) == 3 for row in rows.values())
    assert rows["NLL"][0] == "-" and "±" in rows["NLL"][1]
    assert (
        rows["active axes"][0] == "-" and rows["relaxed minus hard"][:2] == ["-", "-"] and rows["relaxed minus hard"][2] != "-"
    )
    holes = {row[0]: row[1:] for row in hole_rows(compared)}
    assert holes["fitted Gaussian"][2] == "-" and "/" in holes["prior draws"][0]
    assert compared[1].to_json()["blocks"] == "gaussian:2"
    assert isinstance(comparison_figure(subjects, compared), Figure)


# --- figures ---


def _block(num):
    axes = tuple(AxisStatistics(f"a[{d}]", d * 0.1, 0.0 if d % 2 else 1.0, d % 2 == 0) for d in range(num))
    return BlockStatistics("a", num, 1.0, "closed_form", axes, num // 2, None, 1.0)


RECORD = {"epoch": 1, "negative_elbo": 3.0, "val_negative_elbo": 3.5, "reconstruction_nll": 2.0, "kl": 1.0}
POINTS = np.random.default_rng(0).normal(size=(60, 2))
DRAWN = {
    "one epoch": lambda: figures.learning_figure([RECORD], 1),
    "one axis": lambda: figures.kl_figure(_block(1)),
    "many axes": lambda: figures.kl_figure(_block(90)),
    "no labels": lambda: figures.scatter_figure(POINTS, np.full(60, -1), (), ("a", "b")),
    "many classes": lambda: figures.scatter_figure(POINTS, np.arange(60) % 25, (), ("a", "b")),
    "named classes": lambda: figures.scatter_figure(POINTS, np.arange(60) % 2, ("x<y", "z&"), ("a", "b")),
    "coverage": lambda: figures.calibration_figure(Calibration("coverage", (0.5, 0.9), (0.4, 0.8), None, 0.1)),
    "scores": lambda: figures.score_figure(POINTS[:, 0], None, np.zeros((4, 9, 1), np.uint8)),
    "colour": lambda: figures.score_figure(POINTS[:, 0], POINTS[:, 1] > 0, np.zeros((4, 9, 3), np.uint8)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_figures_become_svg_that_takes_the_page_s_colour(name):
    svg = figures.to_svg(DRAWN[name]())
    ET.fromstring(svg)  # noqa: S314 - our own
    assert "currentColor" in svg and "#010203" not in svg and 'id="axes' not in svg


def test_figures_are_the_same_every_time():
    assert figures.to_svg(DRAWN["named classes"]()) == figures.to_svg(DRAWN["named classes"]())


def test_the_user_s_own_matplotlib_settings_are_left_alone(monkeypatch):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    DRAWN["one epoch"]()
    assert dict(mpl.rcParams) == before


def test_a_figure_is_saved_on_white(tmp_path):
    from PIL import Image

    figures.save_figure(DRAWN["one axis"](), tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.convert("RGBA").getpixel((2, 2)) == (255, 255, 255, 255)


def test_the_random_choice_of_examples_is_seeded_and_whole(make_dataset):
    from vae_tf.data.pipeline import random_examples

    dataset = make_dataset(binarization="none")
    x, labels = random_examples(dataset, "train", 1000, (1, 2))
    assert len(x) == 64 and np.sort(x.mean(axis=(1, 2, 3))).tolist() == pytest.approx(
        np.sort(dataset.split("train").x.mean(axis=(1, 2, 3)) / 255.0).tolist()
    )
    again, other = (random_examples(dataset, "train", 10, (1, seed)) for seed in (2, 3))
    np.testing.assert_array_equal(again[0], x[:10])
    np.testing.assert_array_equal(again[1], labels[:10])
    assert not np.array_equal(again[0], other[0])
    assert (x.mean(axis=(1, 2, 3)) > 0.5).tolist() == (labels == 1).tolist()  # rows and labels stay together
    assert x.dtype == np.float32 and isinstance(tf.constant(x), tf.Tensor)
