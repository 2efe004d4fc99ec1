"""Tiny servables, of digits, of classes, of a table and of texts, and pages that show them."""

import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from browser_page import BROWSER, Page, opened

from vae_tf.cli.explore import _open, _Wanted
from vae_tf.config import DataConfig
from vae_tf.data import load_dataset
from vae_tf.explorer import ExplorerApp
from vae_tf.explorer.subject import Address
from vae_tf.export import export_run
from vae_tf.serving.manager import ManagerOptions
from vae_tf.serving.model_config import ModelConfig
from vae_tf.training import load_run

HAS_ONNX = all(find_spec(name) for name in ("tf2onnx", "onnxruntime"))
ROWS = [(("red", "blue")[row % 2], round(10.0 * (row % 2) + (row * 7 % 11) / 10, 1), row % 5) for row in range(240)]


@pytest.fixture(scope="session")
def folder(tmp_path_factory, make_config, start):
    """Train and export: `digits` with a continuous code, `classes` with classes and numbers, a table, texts."""
    folder = tmp_path_factory.mktemp("explored")
    rows = folder / "rows.csv"
    cells = ["" if number % 5 == 0 else str(size) for number, (_, size, _) in enumerate(ROWS)]
    lines = [f"{kind},{cell},{count}" for (kind, _, count), cell in zip(ROWS, cells, strict=True)]
    rows.write_text("\n".join(["kind,size (mm),count", *lines]) + "\n", "utf-8")
    classes = [{"kind": "gaussian", "size": 2}, {"kind": "categorical", "num_variables": 2, "num_classes": 3}]
    numbers = [{"kind": "gaussian", "size": 3}]
    (folder / "lines.txt").write_text("".join(f"the {('cat', 'dog')[row % 2]} {row:03d}\n" for row in range(240)), "utf-8")
    datasets = {"digits": "digits", "classes": "digits", "table": f"csv:{rows}", "text": f"text:{folder / 'lines.txt'}"}
    for name, dataset in datasets.items():
        latents = classes if name == "classes" else numbers
        config = make_config(latents, epochs=1, batch_size=64)
        config = config.model_copy(update={"data": DataConfig(dataset=dataset)})
        start(config, folder / "runs" / name, dataset=load_dataset(config.data), eager=True)
        export_run(load_run(folder / "runs" / name), folder / "models", name, beside=_onnx(name, config))
    return folder


def _onnx(name, config):
    """Return what writes ONNX files: those of `classes` for the command's folder, others where a browser can run them."""
    if name == "text" or not HAS_ONNX or (name != "classes" and None in BROWSER):
        return ()
    from vae_tf.export.graph_check import first_rows
    from vae_tf.export.graph_files import GraphFiles
    from vae_tf.export.onnx_graph import Onnx

    return (GraphFiles(Onnx(), first_rows(load_dataset(config.data))),)


@pytest.fixture(scope="session")
def open_page(folder, start_server):
    """Give the context manager that serves a page of models; it gives the subjects and the page's address."""

    @contextmanager
    def page(*names):
        subjects = [_open(str(folder / "models" / name), name, Path(), _Wanted(None, None, None)) for name in names]
        models = [ModelConfig(one.key, one.folder) for one in subjects]
        manager = ManagerOptions(poll_seconds=0.0, warm_up=False)
        with start_server(models, around=lambda door: ExplorerApp(subjects, door), manager=manager) as server:
            for subject in subjects:
                subject.address = Address(f"grpc://127.0.0.1:{server.grpc_port}", subject.key)
                subject.start()
            yield subjects, f"http://127.0.0.1:{server.rest_port}"
            for subject in subjects:
                subject.close()

    return page


def _whole(subjects):
    for subject in subjects:
        subject.points._thread.join(60)
        assert subject.points.error == ""
    return subjects


@pytest.fixture(scope="session")
def pair(open_page):
    """Serve digits and classes side by side, all encoded and scored."""
    with open_page("digits", "classes") as (subjects, address):
        yield _whole(subjects), address


@pytest.fixture(scope="session")
def rows(open_page):
    """Serve the table and the texts, all encoded and scored."""
    with open_page("table", "text") as (subjects, address):
        yield _whole(subjects), address


@pytest.fixture(scope="session")
def table(rows):
    """Give the table's subject and the page's address."""
    return rows[0][0], rows[1]


@pytest.fixture(scope="session")
def text(rows):
    """Give the texts' subject and the page's address."""
    return rows[0][1], rows[1]


class _Quiet(SimpleHTTPRequestHandler):
    """A web host that knows nothing of models."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    """Give what writes subjects as a folder and puts it on a plain web host; it gives the address and the folder."""
    from vae_tf.explorer.static import write_static

    servers = []

    def show(*subjects):
        folder = tmp_path_factory.mktemp("hosted") / "page"
        write_static(subjects, folder)
        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/", folder

    yield show
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def page():
    """Give a browser."""
    if None in BROWSER:
        pytest.skip("needs Debian's chromium and chromium-driver")
    driver = opened()
    yield Page(driver)
    driver.quit()


@pytest.fixture(scope="session")
def picture(tmp_path_factory):
    """Write a picture file of no digit's size."""
    from PIL import Image

    path = tmp_path_factory.mktemp("own") / "own.png"
    Image.fromarray(np.kron(np.eye(4, dtype=np.uint8) * 255, np.ones((5, 5), np.uint8))).save(path)
    return path
