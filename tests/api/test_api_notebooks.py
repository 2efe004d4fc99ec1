"""What a notebook shows: tables and a picture of a run, of a model, of what was measured; texts in them are texts."""

import base64
import io
import re
import shutil
from html.parser import HTMLParser

import pytest
from PIL import Image

import vae_tf
from vae_tf.consoles import PeopleConsole
from vae_tf.notebooks import html_card


class _Page(HTMLParser):
    """Gathers the elements and the texts of a page, and whether every element is closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.names, self.texts, self.pictures = [], [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        if tag == "img":
            self.pictures.append(dict(attributes)["src"])
        else:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_a_run_shows_its_numbers_and_its_reconstructions(picture_run):
    page = _Page(picture_run._repr_html_())
    told = dict(zip(page.texts[1::2], page.texts[2::2], strict=False))
    assert told["data"] == "memory:pictures: pictures of numbers, 4 x 4 x 1; 96 to train on"
    assert told["model"].startswith("mlp, gaussian, ") and told["model"].endswith("; 2 numbers a code")
    assert told["test NLL"].startswith(f"{picture_run.results['nll']:.2f} ") and told["test NLL"].endswith("12 examples")
    (packed,) = page.pictures
    shown = Image.open(io.BytesIO(base64.b64decode(packed.removeprefix("data:image/png;base64,"))))
    with Image.open(picture_run.path / "pictures/reconstructions.png") as drawn:
        assert shown.size == drawn.size


def test_a_run_that_was_not_measured_says_so(picture_run, tmp_path):
    shutil.copytree(picture_run.path, tmp_path / "<b>run")
    (tmp_path / "<b>run" / "results.json").unlink()
    shutil.rmtree(tmp_path / "<b>run" / "pictures")
    page = _Page(vae_tf.Run.open(tmp_path / "<b>run")._repr_html_())
    assert "not measured" in page.texts and not page.pictures and "b" not in page.names


def test_what_was_measured_is_a_mapping_and_a_page(picture_run):
    found = picture_run.evaluate(num_samples=2, limit=10, parts=["bounds"])
    assert found == dict(found) and found["num_examples"] == 10
    texts = _Page(found._repr_html_()).texts
    assert f"{picture_run.path.name}, in nats an example" in texts and "Bounds on the test split" in texts
    assert all(any(finding["text"] in text for text in texts) for finding in found["findings"])


def test_a_model_shows_its_parts(picture_run, told_run):
    texts = _Page(picture_run.vae._repr_html_()).texts
    assert {"VAE vae", "4 x 4 x 1", "GaussianLatent, 2", "elbo"} <= set(texts)
    assert f"{picture_run.vae.encoder.count_params():,} parameters" in texts
    assert any("ConditionalGaussianLatent" in text for text in _Page(told_run.vae._repr_html_()).texts)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '" onload="x', "a\x1b[2Jb", "caf\udce9", "&amp;"])
def test_texts_are_texts(text, tmp_path):
    page = html_card(text, [(text, {text: text})], [text], tmp_path / "none.png")
    found = _Page(page)
    assert set(found.names) == {"div", "p", "strong", "table", "caption", "tr", "th", "td"}
    assert len(set(found.texts)) == 1 and not re.search("[\x00-\x09\x0b-\x1f\ud800-\udfff]", page)


def test_a_large_picture_is_left_out(tmp_path):
    (tmp_path / "large.png").write_bytes(b"x" * 2_000_000)
    assert "<img" not in html_card("a", [], picture=tmp_path / "large.png")


def test_a_notebook_is_not_told_to_install_widgets(recwarn):
    console = PeopleConsole(force_jupyter=True)
    with console.status("Loading [a]"):
        pass
    assert not recwarn.list
