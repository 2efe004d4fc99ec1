"""What others make and we run: images have versions, hooks and packages are pinned, and installing shows that it moves."""

import re
import shutil
import subprocess
from pathlib import Path

import yaml

from vae_tf.version import VERSION

ROOT = Path(__file__).parents[2]
OWN = "vae-tf:latest"
"""The image that deploy/Dockerfile makes."""


def _images():
    for path in (ROOT / "deploy").rglob("*.yaml"):
        yield from re.findall(r"^\s*(?:- )?image:\s*(\S+)", path.read_text(), re.MULTILINE)
    yield re.findall(r"^ARG BASE=(\S+)", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)[0]


def test_every_image_but_our_own_names_a_version_or_a_digest():
    images = set(_images())
    assert len(images) >= 4
    assert {image for image in images if not re.search(r"(:v?\d[\w.-]*|@sha256:[0-9a-f]{64})$", image)} == {OWN}


def test_the_base_image_can_be_given_by_its_digest():
    lines = (ROOT / "deploy/Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("FROM")] == ["FROM ${BASE}"]


def test_hooks_run_what_the_lock_pins():
    pinned = dict(
        re.findall(r"^([\w-]+)==(\S+) \\\n +--hash=sha256", (ROOT / "requirements-dev.lock").read_text(), re.MULTILINE)
    )
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    for hook in hooks[0]["hooks"]:
        program = hook["entry"].split()[0]
        assert hook["language"] == "system" and program.startswith(".venv/bin/") and Path(program).name in pinned


def test_every_locked_package_has_its_sums():
    for lock in ROOT.glob("requirements*.lock"):
        named = re.findall(r"^[\w.\[\]-]+==\S+.*$", lock.read_text(), re.MULTILINE)
        assert named and all(line.endswith("\\") for line in named), lock.name


def test_installing_shows_that_it_moves():
    for target in ("train", "test"):
        command = [shutil.which("make"), "-n", "-B", target]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        installs = [line for line in told.splitlines() if "pip install" in line]
        assert (
            installs
            and not any("--quiet" in line for line in installs)
            and all("--require-hashes" in line for line in installs)
        )


def test_the_citation_names_the_version_and_the_licence():
    """What a form of citations must have, by the Citation File Format 1.2."""
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = dict(re.findall(r'^(name|license) = "(.*)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE))
    assert {"cff-version", "message", "title", "authors"} <= {*cited}
    assert (cited["title"], cited["version"], cited["license"]) == (project["name"], VERSION, project["license"])
