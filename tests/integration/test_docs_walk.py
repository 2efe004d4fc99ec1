"""Shell blocks of the README and of docs run in their order, on tiny data: what is left out is listed with the reason.

Those of most pages take minutes: `VAE_TF_DOCS=1`. That they parse is tested always (test_commands_page.py).
Commands that go on until Ctrl-C do all but that; one server is started for those that ask one.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from walked import PAGES, ROOT, blocks_of, write_files

from vae_tf.cli import main
from vae_tf.serving.manager import ManagerOptions
from vae_tf.serving.model_config import ModelConfig

RUN, OTHER, TABLE = "runs/NAME", "runs/other", "runs/table"
FEW = ["--num-samples", "2", "--limit", "60"]
LESS = {
    "train": ["--epochs", "1", "--limit", "80", "--set", "evaluation.num_samples=2"],
    "evaluate": FEW,
    "compare": FEW,
    "report": FEW,
    "score": FEW[:2],
    "export": ["--no-check"],
    "tune": ["--trials", "2", "--epochs", "1", "--set", "data.limit=80", "--set", "model.network={kind: mlp, widths: [8]}"],
}
SMALL = {
    r"--latent|--preset|latents|objective|--parts|--init-from": ["--latent", "gaussian:2"],
    r"text:|network|--preset|--parts": ["--set", "model.network={kind: mlp, widths: [8]}"],
    r"^(?!.*text:)": ["--set", "data.max_length=10", "--set", "model.likelihood={kind: recurrent_text, hidden_size: 8}"],
}
"""What a training is made small by, where it does not say what the pattern finds."""
LEFT_OUT = {
    "README.md": {
        r"^(make|pip) ": "installs, or runs this suite: test_wheel.py",
        r"run\.py tune": "docs/tuning.md has it",
        r"run\.py topics": "a run on counts: test_full_disk.py, test_topics.py",
        r"hf://": "a server and a token: test_hub.py",
    },
    "docs/index.md": {r"^make ": "installs, or runs this suite: test_wheel.py"},
    "docs/estimators.md": {r"run\.py estimators": "takes a minute: test_estimators_command.py has it small"},
    "docs/gallery.md": {
        r"run\.py estimators": "takes a minute: test_estimators_command.py has it small",
        r"examples/policy": "takes a minute: test_examples.py",
    },
    "docs/lessons/1_draws.md": {r"run\.py estimators": "takes a minute: test_estimators_command.py has it small"},
    "docs/lessons/5_gumbel.md": {r"run\.py estimators": "takes a minute: test_estimators_command.py has it small"},
    "docs/lessons/6_classes.md": {r"run\.py estimators": "takes a minute: test_estimators_command.py has it small"},
    "docs/own_parts.md": {
        r"run\.py train --parts \w+\.py (?!--set model\.network\.kind=wide  #)": "their settings are: test_own_parts_page.py"
    },
    "docs/tuning.md": {r"KERASTUNER": "several machines: test_distributed.py", r"--space categorical": "minutes: test_tune.py"},
    "docs/scaling.md": {
        r"^TF_CONFIG|run\.py launch": "several processes, minutes: test_distributed.py",
        r"--engine beam": "an environment of its own: test_bulk.py",
    },
    "docs/sharing.md": {r"hf://|^hf |s3://": "a server and a token: test_hub.py"},
    "docs/serving.md": {
        r"--tls-cert|grpcs:|--cacert|VAE_TF_API_KEY": "keys, certificates, another machine: test_door.py",
        r"127\.0\.0\.1:3000": "another server: test_manifests.py",
        r"conformance": "another server: test_grpc_conformance.py",
        r"benchmarks/": "a benchmark of minutes: test_benchmarks.py",
        r"pip install|--format (all|onnx)|--manifest triton": "packages that not every environment has: test_graph_files.py",
    },
    "docs/trackers.md": {r"mlflow:|wandb:|models serve|curl": "packages that not every environment has: test_mlflow.py"},
    "docs/explorer.md": {r"--static|http\.server": "likewise: test_explorer_static.py"},
}
"""By page: patterns of lines that are not run, and why, with the test that has them."""
CHANGED = {
    "README.md": [
        ("--dataset mnist --preset mnist_mlp", "--dataset digits --preset mnist_mlp"),
        ("RUN --folds 5", f"{TABLE} --folds 2"),
        ("alarms RUN --data csv:new.csv", "alarms runs/sensors --data csv:sensors.csv"),
    ],
    "docs/data.md": [("gaps.xlsx", "gaps.parquet")]  # spreadsheets: tests/data/test_data_spreadsheets.py
    + [(f"run.py train --dataset {kind}:scans", f"run.py data {kind}:scans") for kind in ("folder", "npz")]
    + [("run.py train --dataset counts", "run.py data counts")],  # without training
    "docs/gallery.md": [("--preset mnist_mlp", "--preset mnist_mlp --dataset digits")],
    "docs/evaluation.md": [
        ("--preset mnist_mlp", "--preset mnist_mlp --dataset digits"),
        ("csv:sensor.csv --set data.window=48", "csv:sensors.csv --set data.window=8"),
        ("--data csv:new.csv", "--data csv:sensors.csv"),
    ],
    "docs/explorer.md": [("RUN2", OTHER)],
    "docs/serving.md": [("-m sensors new.csv", "-m sensors sensors.csv")],
    "docs/tuning.md": [("run.py tune  ", "run.py tune --name found  "), ("NAME", "found")],
}
"""What stands for what is long or must be downloaded, or for a name of the reader's."""


def is_left_out(page, line):
    """Tell whether a line is listed as not run."""
    return any(re.search(pattern, line) for pattern in LEFT_OUT.get(page, {}))


def lines_of(page):
    """Return the blocks of a page without what is left out, with what stands for some."""
    blocks = [[line for line in block if not is_left_out(page, line)] for block in blocks_of(PAGES[page])]
    for old, new in CHANGED.get(page, ()):
        blocks = [[line.replace(old, new) for line in block] for block in blocks]
    return [block for block in blocks if block]


def _call(*words):
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    assert not stopped.value.code


def _small(line):
    return [word for unless, words in SMALL.items() if not re.search(unless, line) for word in words]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the files that the pages speak of, runs and servables."""
    folder = tmp_path_factory.mktemp("walk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_files()
        few = LESS["train"]
        _call("train", "--run-dir", RUN, *few, *_small(""))
        _call("train", "--run-dir", OTHER, *few, *_small(""))
        _call("train", "--run-dir", TABLE, "--dataset", "table.csv", *few[:2], *few[4:], *_small(""))
        _call("train", "--run-dir", "runs/names", "--dataset", "text:lines.txt", *few, *_small("text:"))
        windows = ["--dataset", "csv:sensors.csv", "--set", "data.window=8"]
        _call("train", "--run-dir", "runs/sensors", *windows, *few, *_small(""))
        of = {"digits": RUN, "penguins": TABLE, "names": "runs/names", "sensors": "runs/sensors"}
        for name, run in of.items():
            _call("export", run, "--name", name, "--no-check")
    return folder


@pytest.fixture(scope="module")
def doors(place, start_server):
    """The addresses of one server of all servables, for REST and gRPC."""
    models = [ModelConfig(path.name, path) for path in (place / "saved_models").iterdir()]
    with start_server(models, manager=ManagerOptions(poll_seconds=0.0, warm_up=False)) as server:
        yield f"127.0.0.1:{server.rest_port}", f"127.0.0.1:{server.grpc_port}"


@pytest.fixture
def here(place, monkeypatch):
    """Stand in the folder, where commands that go on until Ctrl-C end before that."""

    def end(*_):
        raise typer.Exit(0)

    monkeypatch.chdir(place)
    for name in (
        "serve._serve_here",
        "serve._hand_over",
        "serve.serve_by_workers",
        "explore._serve",
        "tensorboard.quiet_tensorflow",
    ):
        monkeypatch.setattr(f"vae_tf.cli.{name}", end)


def _words(line, last):
    """Return the words of a line that starts the program, on few examples; `last` is the run that was trained last."""
    command, *rest = shlex.split(line, comments=True)[2:]
    runs = iter([last, OTHER])
    rest = [word for word in rest if word not in {"[RUN", "...]"}]
    after = list(zip(["", *rest], rest, strict=False))
    rest = [next(runs) if word == "RUN" and before != "--parts" else last if word == "RUN" else word for before, word in after]
    rest = ["60" if (before, word) == ("--num", "1000") else word for (before, _), word in zip(after, rest, strict=True)]
    less = [] if {"--engine", "--folds", "--resume", "--check"} & {*rest} else LESS.get(command, [])
    return [command, *rest, *less, *(_small(line) if command == "train" else [])]


def _shell(line):
    """Run a line that is no command of the program; what a server answers is an answer."""
    line = re.sub(r"^python ", f"{shlex.quote(sys.executable)} ", line)
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)  # noqa: S602 - the pages' own
    assert done.returncode == 0, (line, done.stderr)
    assert not line.startswith("curl") or '"predictions"' in done.stdout or '"outputs"' in done.stdout, done.stdout


def _asks(line):
    return re.search(r"run\.py predict|127\.0\.0\.1:850[01]", line)


def _write_parts():
    """Write the files of the page of one's own parts, and its search space."""
    text = re.sub(r"<!-- fmt: o[nf]+ -->\n", "", PAGES["docs/own_parts.md"])
    for name, source in re.findall(r"^`(\w+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL | re.MULTILINE):
        Path(name).write_text(source, "utf-8")
    (space,) = re.findall(r"```yaml\n(description: How wide.*?)```", text, re.DOTALL)
    Path("wide.yaml").write_text(space, "utf-8")


LONG = pytest.mark.skipif(not os.environ.get("VAE_TF_DOCS"), reason="takes minutes: VAE_TF_DOCS=1")
SHORT = {"docs/data.md", "docs/reliability.md"}
WALKS = [pytest.param(page, marks=() if page in SHORT else LONG) for page in PAGES if lines_of(page)]


@pytest.mark.parametrize("page", WALKS)
def test_the_commands_of_a_page_run(page, here, run_cli, request, restored_parts):
    rest, grpc = request.getfixturevalue("doors") if _asks(str(lines_of(page))) else ("", "")
    if page == "docs/own_parts.md":
        _write_parts()
    last, done = RUN, 0
    for block in lines_of(page):
        last = RUN if page == "README.md" else last
        for shown in block:
            done += 1
            line = shown.replace("127.0.0.1:8501", rest).replace("127.0.0.1:8500", grpc) if rest else shown
            if "run.py" not in line:
                assert re.match("python -c |curl ", line), f"{line!r} is not run: add it to LEFT_OUT, with the reason"
                _shell(line)
                continue
            words = _words(line, last)
            if words[0] == "train" and "--run-dir" not in words:
                words += ["--run-dir", f"runs/{Path(page).stem}-{done}"]
            if words[0] == "predict" and "--server" not in words:
                words += ["--server", f"http://{rest}"]
            code, out, err = run_cli(*words)
            assert code == 0, (words, out, err)
            last = words[words.index("--run-dir") + 1] if words[0] == "train" else last


def test_what_is_left_out_is_there():
    """A reason that no line needs any more is taken out, and the test that it names is there."""
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    for page, reasons in LEFT_OUT.items():
        lines = [line for block in blocks_of(PAGES[page]) for line in block]
        assert [pattern for pattern in reasons if not any(re.search(pattern, line) for line in lines)] == []
        assert [why for why in reasons.values() if not {*re.findall(r"test_\w+\.py", why)} <= tests] == []
    for page, changes in CHANGED.items():
        assert [old for old, _ in changes if old not in re.sub(r"\\\n\s*", "", PAGES[page])] == []
    assert sum(len(block) for page in PAGES for block in lines_of(page)) > 90


def test_every_block_that_starts_the_program_is_marked_as_for_a_shell():
    """What is set in by four spaces would be read by nobody here."""
    wrong = {}
    for path in (ROOT / "README.md", *(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)):
        plain = re.sub(r"^ *```.*?^ *```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        if found := re.findall(r"^    \S*.*run\.py .*$", plain, re.MULTILINE):
            wrong[path.name] = found
    assert wrong == {}
