"""Examples as the model sees them, drawn by their form; names are no mathematics in any figure."""

import numpy as np
import pytest

from vae_tf.config import DataConfig
from vae_tf.data.loading import load_dataset
from vae_tf.data.memory import in_memory
from vae_tf.data.value_tables import form_of
from vae_tf.evaluation.example_figures import draw_examples
from vae_tf.evaluation.figures import convergence_figure, scatter_figure, to_svg

RNG = np.random.default_rng(0)
NAME = r"$\frac$ a_{b}"
TEXTS = [f"line {number} of them" for number in range(58)] + ["z" * 90, "ab"]


def _table(columns):
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))])


FORMS = {
    "pictures": (lambda: (RNG.integers(0, 255, (60, 5, 7, 3), np.uint8), np.array([NAME, "b"] * 30)), {}),
    "texts": (lambda: TEXTS, {"vocabulary_size": 12}),
    "cells": (lambda: _table({NAME: [NAME, "b", ""] * 20, "n": RNG.normal(size=60)}), {}),
    "counts": (lambda: RNG.poisson(0.4, (60, 40)), {"counts": True}),
    "series": (lambda: RNG.normal(size=(60, 9, 2)), {}),
    "rows": (lambda: _table({f"{NAME} {number}": RNG.normal(size=60) for number in range(30)}), {}),
}
SHOWN = {
    "pictures": (NAME, "48 training pictures of 5x7x3 with their labels."),
    "texts": ("�", "24 training texts as the model reads them"),
    "cells": (NAME, "Every column, 48 training rows"),
    "counts": ("mean count", "the 24 largest of 40 columns"),
    "series": ("channel 1", "3 training series of 9 steps, all channels"),
    "rows": (f"{NAME} 23", "The first 24 of 30 columns"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_drawn_with_its_names(form, tmp_path):
    make, settings = FORMS[form]
    data = make()
    if isinstance(data, str):
        (tmp_path / "t.csv").write_text(data)
        dataset = load_dataset(DataConfig(dataset=f"csv:{tmp_path / 't.csv'}", **settings))
    else:
        with in_memory(data):
            dataset = load_dataset(DataConfig(dataset="memory:mine", **settings))
    assert form_of(dataset.spec) == form
    figure, caption = draw_examples(dataset)
    drawn, said = SHOWN[form]
    assert said in caption
    assert drawn in _texts(to_svg(figure))


def test_pictures_stand_eight_in_a_row():
    with in_memory(RNG.integers(0, 255, (60, 6, 6, 1), np.uint8)):
        figure, _ = draw_examples(load_dataset(DataConfig(dataset="memory:mine")))
    places = {axis.get_subplotspec().get_geometry()[:2] for axis in figure.axes}
    assert places == {(6, 8)}


def _texts(svg):
    return svg.replace("&#x27;", "'").replace("&amp;", "&")


def test_texts_that_fill_all_places_and_unknown_letters_are_among_those_that_are_drawn():
    with in_memory(TEXTS):
        dataset = load_dataset(DataConfig(dataset="memory:mine", max_length=12, vocabulary_size=12))
    figure, _ = draw_examples(dataset)
    (axis,) = figure.axes
    assert len(axis.lines) > 0 and any(text.get_text() == "�" and text.get_color() != "black" for text in axis.texts)


def test_names_with_dollars_are_drawn_as_they_are():
    figure = scatter_figure(RNG.normal(size=(20, 2)), np.arange(20) % 2, (NAME, "$x^2$"), ("a", "$b"))
    svg = to_svg(figure)
    assert NAME in svg and "$x^2$" in svg and "$b" in svg


def test_powers_are_written_as_numbers_where_nothing_is_mathematics():
    class Bounds:
        nll_at = tuple({"num_samples": count, "nll": 3.0, "nll_stderr": 0.1} for count in (1, 10, 100, 1000))
        negative_elbo = 3.5

    svg = to_svg(convergence_figure(Bounds()))
    assert "mathdefault" not in svg and ">100<" in svg and ">1000<" in svg
