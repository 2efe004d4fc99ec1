"""The README's commands run in their order, on small settings: `VAE_TF_DOCS=1`. That they parse is tested always."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SMALL = ["--epochs", "1", "--limit", "80", "--set", "evaluation.num_samples=2"]
LESS = {
    "train": SMALL,
    "tune": ["--trials", "2", "--epochs", "1", "--set", "data.limit=80"],
    "evaluate": ["--num-samples", "2", "--limit", "60"],
    "report": ["--num-samples", "2", "--limit", "60"],
    "compare": ["--num-samples", "2", "--limit", "60"],
    "score": ["--num-samples", "2"],
}
ELSEWHERE = {"tensorboard": "goes on until Ctrl-C", "launch": "takes processes", "mnist": "a download"}

pytestmark = pytest.mark.skipif(not os.environ.get("VAE_TF_DOCS"), reason="takes minutes: VAE_TF_DOCS=1")


def _blocks():
    text = (ROOT / "README.md").read_text("utf-8")
    return [re.sub(r"\\\n\s*", " ", block) for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder with the files that the README speaks of."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for folder in ("path/to/images", "images"):
        Path(folder).mkdir(parents=True)
        for number in range(60):
            Image.fromarray(rng.integers(0, 255, (8, 8), np.uint8)).save(f"{folder}/{number}.png")
    rows = [
        f"{'Adelie' if rng.random() < 0.5 else 'Gentoo'},{rng.normal(40, 5):.1f},{rng.integers(3000, 5000)}" for _ in range(120)
    ]
    rows[::7] = ["Adelie,,3700"] * len(rows[::7])
    for name in ("table.csv", "penguins.csv", "gaps.csv", "new.csv"):
        Path(name).write_text("\n".join(["species,bill,mass", *rows]))
    np.savez("arrays.npz", x=rng.random((120, 6, 6, 1)).astype(np.float32))
    Path("lines.txt").write_text("\n".join(f"the {a} met the {b}" for a in ("cat", "dog") for b in ("fox", "elk")) + "\n" * 1)
    with Path("lines.txt").open("a") as file:
        file.writelines(f"a line of number {number}\n" for number in range(100))
    return tmp_path


def _call(line, run):
    """Return the words of a line that runs this program, its RUN put in; None where it is none, or one of ELSEWHERE."""
    words = shlex.split(line, comments=True)
    if words[:2] != ["python", "run.py"] or ELSEWHERE.keys() & {*words}:
        return None
    words = [word for word in words[2:] if word not in {"[RUN", "...]"}]
    command, *rest = words
    runs = iter([Path("runs/table") if "--folds" in rest else run, Path("runs/other")])  # folds are for files
    rest = [str(next(runs)) if word == "RUN" else word for word in rest]
    few = [] if "--engine" in rest or "--folds" in rest else LESS.get(command, [])
    rest = [
        "2" if before == "--folds" else "60" if before == "--num" else word
        for before, word in zip(["", *rest], rest, strict=False)
    ]
    return [command, *rest, *(["--run-dir", str(run)] if command == "train" else []), *few]


def test_every_command_of_the_readme_runs(place, run_cli):
    done, server = [], None
    run_cli("train", "--run-dir", "runs/look", *SMALL)
    run_cli("train", "--run-dir", "runs/other", *SMALL)
    run_cli("train", "--dataset", "table.csv", "--run-dir", "runs/table", *SMALL)
    try:
        for block in _blocks():
            run = Path("runs/look")
            for number, line in enumerate(block.splitlines()):
                if "run.py train" in line:
                    run = Path(f"runs/{len(done)}-{number}")
                words = _call(line, run)
                if words is None:
                    continue
                if words[0] == "serve":
                    server = _serve(words)
                    continue
                code, out, err = run_cli(*words)
                assert code == 0, (words, out, err)
                done.append(words[0])
            if "curl" in block:
                line = next(line for line in block.splitlines() if line.startswith("curl"))
                answer = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)  # noqa: S602
                assert '"predictions"' in answer.stdout
    finally:
        if server:
            server.terminate()
            server.wait(60)
    assert {"train", "tune", "impute", "generate", "score", "report", "export", "evaluate", "compare", "predict"} <= {*done}


def _serve(words):
    """Start the server and wait until it answers."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "vae_tf", *words, "--engine", "embedded"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert any(line.startswith("REST") for line in server.stderr)
    return server
