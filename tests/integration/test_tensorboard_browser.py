"""TensorBoard in a real browser: the latent projection has its points, labels and thumbnails. Opt-in: VAE_TF_BROWSER=1."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vae_tf.artifacts import RunDirectory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(os.environ.get("VAE_TF_BROWSER") != "1", reason="opt-in: set VAE_TF_BROWSER=1; needs chromium-driver"),
]
ROOT = Path(__file__).parents[2]
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += (
    " --disable-component-update --disable-sync --window-size=1500,1000 --use-angle=swiftshader --enable-unsafe-swiftshader"
)

PROJECTOR_TEXT = """
function texts(node) {
  if (node.nodeType === 3) return node.textContent;
  let found = node.shadowRoot ? texts(node.shadowRoot) : '';
  if (node.tagName === 'IFRAME' && node.contentDocument) found += texts(node.contentDocument);
  for (const child of node.childNodes) found += ' ' + texts(child);
  return found;
}
return texts(document.body);
"""


def _wait_until_read(address: str) -> None:
    """Wait until TensorBoard has found the projection's files; before that the tab is greyed out."""
    for _ in range(60):
        with urllib.request.urlopen(f"{address}/data/plugins_listing") as answer:
            if json.load(answer)["projector"]["enabled"]:
                return
        time.sleep(0.5)
    raise AssertionError("TensorBoard did not find the projection")


@pytest.fixture
def address(tiny_run) -> Iterator[str]:
    """Start TensorBoard by our own command on a free port; give its address."""
    yield from _tensorboard(tiny_run, _wait_until_read)


def _tensorboard(folder: Path, wait: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """Start TensorBoard, give its address, and end it."""
    command = [sys.executable, "-u", "run.py", "tensorboard", str(folder), "--port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout
    found = next(match for line in process.stdout if (match := re.search(r"http://127\.0\.0\.1:\d+", line)))
    wait(found.group())
    yield found.group()
    process.terminate()
    process.communicate(timeout=30)


@pytest.fixture
def search_address(tmp_path, run_cli) -> Iterator[str]:
    """Search two latent sizes, and start TensorBoard on the search; give its address."""
    space = tmp_path / "sizes.yaml"
    space.write_text('parameters: [{path: "model.latents[0].size", name: size, kind: choice, values: [2, 3]}]')
    tiny = ["--epochs", "1", "--tuner", "grid", "--set", "data.limit=100", "--no-refit"]
    code, _, err = run_cli("tune", "--space", space, "--output", tmp_path, "--name", "a", *tiny)
    assert code == 0, err
    yield from _tensorboard(tmp_path / "a")


def test_the_hparams_tab_shows_the_table_and_the_parallel_coordinates(search_address, browser):
    browser.get(f"{search_address}/#hparams")
    expected = ("0-1", "1-1", "size", "negative ELBO", "active axes")
    for _ in range(60):
        text = browser.execute_script(PROJECTOR_TEXT)
        if all(part in text for part in expected):
            break
        time.sleep(0.5)
    assert [part for part in expected if part not in text] == []
    assert "PARALLEL COORDINATES" in text.upper()
    folder = os.environ.get("VAE_TF_SCREENSHOTS")
    if folder:
        browser.save_screenshot(str(Path(folder) / "hparams.png"))


@pytest.fixture
def browser() -> Iterator[object]:
    """Start headless Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in FLAGS.split():
        options.add_argument(flag)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def _wait_for(browser, pattern: str, seconds: float = 60) -> str:
    """Wait until the page's text, shadow roots and frames included, matches."""
    deadline, text = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        text = browser.execute_script(PROJECTOR_TEXT) or ""
        if re.search(pattern, text):
            return text
        time.sleep(0.5)
    raise AssertionError(f"{pattern!r} did not appear. The page says: {text[-1500:]}")


def test_the_projector_shows_the_latent_space(address, browser, tiny_run, tmp_path):
    number = RunDirectory(tiny_run).read_results()["num_examples"]
    browser.get(f"{address}/?darkMode=false#projector")
    text = _wait_for(browser, rf"(?s)Points:\s*{number}\b.*Dimension:\s*2\b")
    assert "latent means" in text and "label" in text
    picture = Path(os.environ.get("VAE_TF_SCREENSHOTS", tmp_path)) / "projector.png"
    time.sleep(3)
    assert browser.save_screenshot(str(picture)) and picture.stat().st_size > 20_000


def test_scalars_and_pictures_are_served(address):
    def fetch(path: str) -> str:
        with urllib.request.urlopen(f"{address}/data/plugin/{path}") as answer:
            return answer.read().decode()

    scalars, images = fetch("scalars/tags"), fetch("images/tags")
    for tag in ("bounds/negative_elbo", "bounds/kl_gaussian", "schedules/kl_weight_gaussian", "schedules/learning_rate"):
        assert tag in scalars
    assert "bounds/nll" in scalars and "speed/examples_per_second" in scalars
    assert "reconstructions" in images and "samples" in images
    assert "latent means/gaussian" in fetch("histograms/tags")
