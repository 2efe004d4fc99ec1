"""The wheel, installed in an environment of its own, does what the clone does, from a folder outside it."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRAS = ("onnx", "mlflow", "wandb")
OPTIONAL = tuple(f"requirements-{name}.txt" for name in EXTRAS)
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.txt", *OPTIONAL, "tuning", "vae_tf")
TINY = ["--epochs", "1", "--set", "model.network={kind: mlp, widths: [16]}"]


def _call(*command, cwd, code=0, timeout=300, **variables):
    """Run a command without what this process' environment says of modules and programs; return its stdout and stderr."""
    hidden = ("PYTHONPATH", "VAE_TF_PROGRAM")
    environment = {key: value for key, value in os.environ.items() if key not in hidden} | {"COLUMNS": "200", **variables}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=timeout
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Copy what is built: the build writes beside its sources."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    return source


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    """Build the wheel. No network."""
    target = tmp_path_factory.mktemp("dist")
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", target]
    _call(sys.executable, "-m", "pip", "wheel", source, *options, cwd=target)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Install it in a virtual environment that borrows all libraries from this one's; return its folder of programs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    libraries = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    purelib, _ = _call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    (Path(purelib.strip()) / "libraries.pth").write_text(libraries)
    _call(python, "-m", "pip", "install", "--no-deps", "--no-index", "--ignore-installed", wheel, cwd=folder)
    return python.parent


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Return a folder to work in, where a folder with the package's name lies in wait."""
    folder = tmp_path_factory.mktemp("work here")
    (folder / "vae_tf").mkdir()
    (folder / "vae_tf" / "__init__.py").write_text("raise ImportError('of the working directory')")
    return folder


@pytest.fixture(scope="module")
def vae_tf(installed, here):
    """Give the console command, called as by a person whose shell finds it."""
    path = f"{installed}{os.pathsep}/usr/bin{os.pathsep}/bin"
    return lambda *arguments, code=0: _call(installed / "vae-tf", *arguments, cwd=here, code=code, PATH=path)


@pytest.fixture(scope="module")
def run(vae_tf, here):
    """Train; return the run's folder, relative to where the person works, and what was printed."""
    printed, _ = vae_tf("train", *TINY, "--limit", "100", "--run-dir", "runs/a b", "--latent", "gaussian:2")
    assert (here / "runs/a b/model.keras").is_file()
    return "runs/a b", printed


def _files(folder, *patterns):
    return {str(path.relative_to(folder)) for pattern in patterns for path in folder.rglob(pattern) if path.is_file()}


def test_every_file_of_the_package_and_every_search_space_is_in_the_wheel(wheel):
    package = {f"vae_tf/{name}" for name in _files(ROOT / "vae_tf", "*") if "__pycache__" not in name}
    spaces = {f"vae_tf/tuning/spaces/{name}" for name in _files(ROOT / "tuning", "*.yaml")}
    assert spaces
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}
    assert names == package | spaces


def _metadata(wheel):
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith("/METADATA"))
        return message_from_string(opened.read(name).decode())


def _requirements(name):
    lines = (line.partition(" #")[0].strip() for line in (ROOT / name).read_text("utf-8").splitlines())
    return {_canonical(line) for line in lines if line and not line.startswith("#")}


def test_the_wheel_asks_for_the_runtime_requirements_and_the_same_python(wheel):
    metadata = _metadata(wheel)
    runtime = [text for text in metadata.get_all("Requires-Dist") if "extra ==" not in text]
    assert {_canonical(text) for text in runtime} == _requirements("requirements.txt")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    (python,) = re.findall(r'^requires-python = "(.*)"$', project, re.MULTILINE)
    assert _canonical(f"python{metadata['Requires-Python']}") == _canonical(f"python{python}")


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_asks_for_what_its_file_has(wheel, extra):
    metadata = _metadata(wheel)
    assert sorted(metadata.get_all("Provides-Extra")) == sorted(EXTRAS)
    asked = (text.rpartition(";") for text in metadata.get_all("Requires-Dist") if f'extra == "{extra}"' in text)
    assert {_canonical(text) for text, *_ in asked} == _requirements(f"requirements-{extra}.txt")


def test_what_is_built_passes_the_checks_of_a_release(wheel, source):
    """PyPI takes the wheel and the sdist, and nothing that does not belong there is in the wheel."""
    for tool in ("twine", "check_wheel_contents"):
        pytest.importorskip(tool, reason="needs requirements-dev.lock")
    build = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    _call(sys.executable, "-c", build, wheel.parent, cwd=source)
    (sdist,) = wheel.parent.glob("*.tar.gz")
    told, _ = _call(sys.executable, "-m", "twine", "--no-color", "check", "--strict", wheel, sdist, cwd=source)
    assert told.count("PASSED") == 2, told
    told, _ = _call(sys.executable, "-m", "check_wheel_contents", wheel, cwd=source)
    assert told.strip().endswith(": OK"), told


def _canonical(text):
    """Return a requirement whatever the order of its bounds and its spaces."""
    needed, _, condition = text.replace(" ", "").partition(";")
    name = re.match(r"[\w.-]+", needed)[0]
    return name, frozenset(needed.removeprefix(name).split(",")), condition


def test_the_package_that_runs_is_the_installed_one(installed, tmp_path):
    out, _ = _call(installed / "python", "-c", "import vae_tf.cli; print(vae_tf.cli.__file__)", cwd=tmp_path)
    assert Path(out.strip()).is_relative_to(installed.parent)


def test_help_and_mistakes_say_vae_tf(vae_tf, installed, here):
    for arguments in ([], ["train"], ["tune"], ["predict"]):
        out, _ = vae_tf(*arguments, "--help")
        assert f"Usage: vae-tf {' '.join(arguments)}".strip() in out and "run.py" not in out
    assert vae_tf("train", "--bad", code=2)[1] == "Error: No such option: --bad. See `vae-tf train --help`.\n"
    assert "See `vae-tf presets`" in vae_tf("train", "--preset", "none", code=2)[1]
    _, err = _call(installed / "vae-tf", "train", "--preset", "none", cwd=here, code=2, PATH="/usr/bin:/bin")
    assert f"See `{installed}/vae-tf presets`" in err  # the shell does not find it by its name alone


def test_presets_are_those_of_the_clone(vae_tf):
    out, _ = vae_tf("presets", "--json")
    assert set(json.loads(out)["presets"]) == {path.stem for path in (ROOT / "vae_tf/presets").glob("*.yaml")}


def test_training_says_what_to_type_next(run):
    path, printed = run
    assert printed.split("Next:\n")[1].splitlines() == [
        f"  vae-tf tensorboard '{path}'",
        f"  vae-tf generate '{path}' -o samples.png",
        f"  vae-tf export '{path}'",
    ]


def test_a_search_of_a_shipped_space_by_two_workers(vae_tf, here):
    options = ["--set", "data.limit=100", "--trials", "2", "--tuner", "random", "--no-refit", "--workers", "2", "--name", "s"]
    printed, _ = vae_tf("tune", "--space", "latent_size", *TINY, *options)
    assert "vae-tf export runs/s/winner" in printed
    assert len(list((here / "runs/s/trials").glob("*/trial.json"))) == 2
    assert "vae-tf train --config runs/s/best.yaml" in (here / "runs/s/report.html").read_text("utf-8")
    _, err = vae_tf("tune", "--space", "none", code=2)
    assert f"there are: {', '.join(sorted(path.stem for path in (ROOT / 'tuning').glob('*.yaml')))}." in err


def test_a_run_is_exported_served_and_asked(vae_tf, run, installed, here, ask_and_end):
    _, err = vae_tf("export", run[0], "--name", "m", "--check")
    assert "Serve it with: vae-tf serve saved_models/m" in err
    ports = ["--engine", "embedded", "--rest-port", "0", "--grpc-port", "0"]
    environment = {**os.environ, "COLUMNS": "200"}
    environment.pop("PYTHONPATH", None)
    server = subprocess.Popen(
        [installed / "vae-tf", "serve", "saved_models/m", *ports], cwd=here, stderr=subprocess.PIPE, text=True, env=environment
    )
    ask_and_end(server, lambda *arguments: vae_tf(*arguments)[0], "m")


def test_the_package_runs_as_a_module_too(installed, tmp_path):
    out, _ = _call(installed / "python", "-m", "vae_tf", "--help", cwd=tmp_path, PATH=f"{installed}:/usr/bin:/bin")
    assert "Usage: python -m vae_tf [OPTIONS]" in out
