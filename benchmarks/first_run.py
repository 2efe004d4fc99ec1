"""The plain command on data that nobody tuned for: `python benchmarks/first_run.py -o benchmarks/results/first_run.json`.

Every set comes from a package or from this machine: scikit-learn, Python's documentation, matplotlib's fonts, Debian's icons
and emoji, those of requirements-sets.txt (`make bench-first-run` puts them into benchmarks/.sets), and, where they were
prepared, TFDS folders and tables beside the clone. What is not there is left out, and said. The command is
`run.py train --dataset FORM:PATH` and nothing else; its own `results.json` has the numbers of the plain models beside it. Where
fewer than 100 examples were left to test on, `run.py evaluate RUN --folds 5` tests on all of them.
"""

import argparse
import csv
import gzip
import importlib.util
import json
import pydoc
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SETS: dict[str, Callable[[Path], str]] = {}
SHARED = ROOT.parent / "shared"
FEW_TEST_EXAMPLES, FOLDS = 100, 5
sys.path.append(str(ROOT / "benchmarks" / ".sets"))


class MissingError(Exception):
    """What a set is made of is not on this machine."""


def first_run_set(function: Callable[[Path], str]) -> Callable[[Path], str]:
    """Register a set: a function that writes it into a folder and returns what `--dataset` takes."""
    SETS[function.__name__] = function
    return function


def _packaged(package: str, *parts: str) -> Path:
    """Return a file of a package, which need not be one that can be imported here."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise MissingError(f"the Python package {package} is not there (benchmarks/requirements-sets.txt)")
    return Path(found.submodule_search_locations[0], *parts)


def _table(path: Path, columns: Iterable[str], rows: np.ndarray) -> str:
    header = ",".join(re.sub(r"\W+", "_", name) for name in columns)
    np.savetxt(path, rows, delimiter=",", header=header, comments="", fmt="%.9g")
    return f"csv:{path}"


def _of_sklearn(name: str) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        from sklearn import datasets

        found = getattr(datasets, f"load_{name}")()
        return _table(folder / f"{name}.csv", found.feature_names, found.data)

    write.__name__ = name
    return write


for _name in ("iris", "wine", "diabetes", "breast_cancer"):
    first_run_set(_of_sklearn(_name))


@first_run_set
def diamonds(folder: Path) -> str:
    """Seven columns of numbers of 53,940 diamonds."""
    path = SHARED / "tables" / "diamonds.csv.gz"
    if not path.exists():
        raise MissingError(f"{path} is not there")
    names = ("carat", "depth", "table", "price", "x", "y", "z")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [[float(row[name]) for name in names] for row in csv.DictReader(file)]
    return _table(folder / "diamonds.csv", names, np.array(rows))


@first_run_set
def penguins(folder: Path) -> str:
    """Four measures of 342 penguins: rows without gaps."""
    path = SHARED / "tables" / "penguins.csv"
    if not path.exists():
        raise MissingError(f"{path} is not there")
    names = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
    with path.open(encoding="utf-8") as file:
        found = [[row[name] for name in names] for row in csv.DictReader(file)]
    return _table(folder / "penguins.csv", names, np.array([row for row in found if "NA" not in row and "" not in row], float))


@first_run_set
def grey_digits(folder: Path) -> str:
    """1,797 grey pictures of 8x8."""
    from sklearn.datasets import load_digits

    path = folder / "digits.npz"
    np.savez(path, x=(load_digits().images[..., None] * 15.9).astype(np.uint8))
    return f"npz:{path}"


@first_run_set
def mnist(folder: Path) -> str:
    """70,000 grey pictures of 28x28."""
    data_dir = SHARED / "tfds"
    if not (data_dir / "mnist").exists():
        raise MissingError(f"{data_dir} is not there")
    return f"mnist --data-dir {data_dir}"


@first_run_set
def faces(folder: Path) -> str:
    """200 grey pictures of 25x25, half of them faces."""
    pictures = np.load(_packaged("skimage", "data", "lfw_subset.npy"))
    path = folder / "faces.npz"
    np.savez(path, x=np.rint(pictures[..., None] * 255).astype(np.uint8))
    return f"npz:{path}"


@first_run_set
def letters(folder: Path) -> str:
    """About 2,900 grey pictures of 28x28: letters and signs of two fonts."""
    from fontTools.ttLib import TTFont
    from PIL import Image, ImageDraw, ImageFont

    pictures = []
    for name in ("DejaVuSans.ttf", "DejaVuSerif.ttf"):
        font = _packaged("matplotlib", "mpl-data", "fonts", "ttf", name)
        drawn = ImageFont.truetype(str(font), 22)
        for code in sorted(TTFont(font).getBestCmap())[60:1500]:
            picture = Image.new("L", (28, 28), 0)
            ImageDraw.Draw(picture).text((14, 14), chr(code), font=drawn, fill=255, anchor="mm")
            if np.asarray(picture).max() > 100:
                pictures.append(np.asarray(picture))
    path = folder / "letters.npz"
    np.savez(path, x=np.array(pictures)[..., None])
    return f"npz:{path}"


@first_run_set
def emoji(folder: Path) -> str:
    """About 1,400 colour pictures of 64x64, over white."""
    from fontTools.ttLib import TTFont
    from PIL import Image, ImageDraw, ImageFont

    font = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
    if not font.exists():
        raise MissingError("Debian's package fonts-noto-color-emoji is not there")
    drawn, written = ImageFont.truetype(str(font), 109), folder / "emoji"
    written.mkdir()
    for code in sorted(code for code in TTFont(font).getBestCmap() if code >= 0x2190):
        picture = Image.new("RGB", (136, 128), "white")
        ImageDraw.Draw(picture).text((0, 0), chr(code), font=drawn, embedded_color=True)
        if np.asarray(picture).min() < 250:
            picture.resize((64, 64), Image.Resampling.LANCZOS).save(written / f"{code:05x}.png")
    return f"folder:{written}"


@first_run_set
def icons(folder: Path) -> str:
    """About 850 colour icons of 32x32, over white."""
    from PIL import Image

    found = sorted(Path("/usr/share/icons/Tango/32x32").rglob("*.png"))
    if not found:
        raise MissingError("Debian's package tango-icon-theme is not there")
    written = folder / "icons"
    written.mkdir()
    for number, path in enumerate(found):
        icon = Image.open(path).convert("RGBA").resize((32, 32))
        Image.alpha_composite(Image.new("RGBA", icon.size, "white"), icon).convert("RGB").save(written / f"{number:04d}.png")
    return f"folder:{written}"


def _documentation() -> list[str]:
    names = ("os", "json", "re", "math", "random", "socket", "email", "logging", "argparse", "asyncio", "decimal", "unittest")
    plain = [pydoc.plain(pydoc.render_doc(__import__(name))) for name in names]
    return [line.strip(" |") for text in plain for line in text.splitlines()]


@first_run_set
def documentation(folder: Path) -> str:
    """Lines of Python's documentation of itself."""
    path = folder / "documentation.txt"
    lines = dict.fromkeys(line for line in _documentation() if re.search(r"[a-z]{3}.*[a-z]{3}", line))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return f"text:{path}"


@first_run_set
def names_in_greek_and_russian(folder: Path) -> str:
    """Names of languages, countries and places in Greek and Cyrillic letters."""
    _packaged("babel")
    from babel import Locale

    found: dict[str, None] = {}
    for language in ("el", "ru"):
        locale = Locale.parse(language)
        zones = [zone.get("city", "") for zone in locale.time_zones.values()]
        for name in (*locale.languages.values(), *locale.territories.values(), *zones):
            found[str(name)] = None
    path = folder / "names.txt"
    path.write_text("\n".join(name for name in found if name) + "\n", "utf-8")
    return f"text:{path}"


@first_run_set
def words_of_documentation(folder: Path) -> str:
    """How often each of 60 words comes in every ten lines of Python's documentation."""
    lines = _documentation()
    texts = [" ".join(lines[first : first + 10]).lower() for first in range(0, len(lines), 10)]
    counted = [Counter(re.findall(r"[a-z_]{3,}", text)) for text in texts]
    words = [word for word, _ in sum(counted, Counter()).most_common(60)]
    rows = np.array([[count[word] for word in words] for count in counted])
    path = folder / "words.npz"
    np.savez(path, x=rows[rows.sum(axis=1) > 0])
    return f"npz:{path} --set data.counts=true"


@first_run_set
def temperatures(folder: Path) -> str:
    """A year of a town's temperatures by the hour, in windows of 48."""
    with _packaged("vega_datasets", "_data", "sf-temps.csv").open(encoding="utf-8") as file:
        found = [[float(row["temp"])] for row in csv.DictReader(file)]
    return _table(folder / "temperatures.csv", ["temperature"], np.array(found)) + " --set data.window=48"


@first_run_set
def heartbeat(folder: Path) -> str:
    """Five minutes of an electrocardiogram, in windows of 64 samples."""
    try:
        from scipy.datasets import electrocardiogram

        series = electrocardiogram()
    except (ImportError, OSError) as error:
        raise MissingError(f"SciPy's electrocardiogram has to be downloaded ({type(error).__name__})") from error
    return _table(folder / "heartbeat.csv", ["volts"], series[::5][:20_000, None]) + " --set data.window=64"


@first_run_set
def oscillators(folder: Path) -> str:
    """A made series: two coupled oscillators with noise, in windows of 32 steps of 3 values."""
    rng, state, rows = np.random.default_rng(0), np.array([1.0, 0.0, 0.5]), []
    for _ in range(20_000):
        push = np.array([state[1], -state[0] + 0.3 * state[2], np.sin(2 * state[0]) - 0.2 * state[2]])
        state = state + 0.1 * (push - 0.2 * state**3) + 0.03 * rng.normal(size=3)
        rows.append(state)
    return _table(folder / "oscillators.csv", "abc", np.array(rows)) + " --set data.window=32"


def measure(name: str, keep: Path | None = None) -> dict[str, Any]:
    """Write a set, give it to the plain command, and return time, numbers and those of the plain models."""
    with tempfile.TemporaryDirectory() as temporary:
        dataset = SETS[name](Path(temporary))
        run = (keep or Path(temporary)) / f"run_{name}"
        command = [sys.executable, str(ROOT / "run.py"), "train", "--dataset", *dataset.split(" "), "--run-dir", str(run)]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
        if done.returncode:
            return {"set": name, "error": done.stderr.strip().splitlines()[-1]}
        results = json.loads((run / "results.json").read_text("utf-8"))
        spec = json.loads((run / "dataset.json").read_text("utf-8"))
        folds = _folds(run) if spec["num_test"] < FEW_TEST_EXAMPLES else {}
    return {
        "set": name,
        "shape": spec["event_shape"],
        "rows": spec["num_train"] + spec["num_validation"] + spec["num_test"],
        "seconds": round(seconds, 1),
        **{key: results[key] for key in ("nll", "nll_stderr", "negative_elbo", "epochs", "best_epoch", "curve", "obvious")},
        **folds,
    }


def _folds(run: Path) -> dict[str, Any]:
    """Return what cross-validation gives of a run's settings, and the seconds that it took."""
    command = [sys.executable, str(ROOT / "run.py"), "evaluate", str(run), "--folds", str(FOLDS), "--json"]
    started = time.perf_counter()
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    kept = {key: found[key] for key in ("means", "stderrs", "obvious")}
    return {"folds": {"number": FOLDS, "seconds": round(time.perf_counter() - started, 1), **kept}}


def verdicts(found: dict[str, Any]) -> list[str]:
    """Return who is ahead, one sentence a plain model; on all examples, where they were cross-validated."""
    folds = found.get("folds")
    said = [f"On all, in {folds['number']} folds:"] if folds else []
    return said + [row["verdict"] for row in (folds or found).get("obvious", [])]


def markdown(known: dict[str, Any]) -> str:
    """Return the table of the documentation."""
    lines = ["| set | examples | command | training | beside plain models |", "|---|---|---|---|---|"]
    for found in (known[name] for name in SETS if name in known):
        shape = "x".join(map(str, found.get("shape", [])))
        size = f"{found.get('rows', 0):,} of {shape}"
        told = " ".join(verdicts(found)) or found.get("error", "")
        curve = found.get("curve", {}).get("text", "").partition(":")[0]
        lines.append(f"| {found['set'].replace('_', ' ')} | {size} | {found.get('seconds', 0):.0f} s | {curve} | {told} |")
    return "\n".join(lines)


def main() -> None:
    """Measure the sets that were asked for, and write what was found after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=list(SETS), metavar="SET", help=f"default: all of {', '.join(SETS)}")
    parser.add_argument("-o", "--output", type=Path, help="a JSON file; sets that it has are measured anew")
    parser.add_argument("--keep", type=Path, help="where to keep the runs")
    parser.add_argument("--markdown", action="store_true", help="only print what --output holds, as a table")
    asked = parser.parse_args()
    if unknown := [name for name in asked.sets if name not in SETS]:
        parser.error(f"there is no set {unknown[0]}; there are {', '.join(SETS)}")
    known = json.loads(asked.output.read_text("utf-8")) if asked.output and asked.output.exists() else {}
    if asked.markdown:
        print(markdown(known))
        return
    for name in asked.sets:
        print(f"{name} ...", flush=True)
        try:
            known[name] = measure(name, asked.keep)
        except MissingError as error:
            print(f"  left out: {error}")
            continue
        print(
            "\n".join(
                f"  {line}"
                for line in [f"{known[name].get('seconds')} s", known[name].get("error", ""), *verdicts(known[name])]
            )
        )
        if asked.output:
            asked.output.write_text(json.dumps(known, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
