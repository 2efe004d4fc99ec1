"""Writes the figures of the pages in docs/ from the JSON of their runs.

    python benchmarks/figures.py           # puts every marked block right
    python benchmarks/figures.py --check   # names the blocks that differ, exit code 1

A block stands between `<!-- figures: NAME -->` and `<!-- end -->`, and is what the function NAME of this file returns. A test
compares the two: a figure that is typed into a block, or a JSON file that was made anew, is found.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable
from math import log
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import bench
import first_run

ROOT = Path(__file__).parents[1]
PAGES = tuple(
    f"docs/{name}.md" for name in ("results", "tuning", "models", "evaluation", "estimators", "serving", "performance")
)
BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n)(.*?)(\n<!-- end -->)", re.DOTALL)
FIGURES: dict[str, Callable[[], str]] = {}


def figure(function: Callable[[], str]) -> Callable[[], str]:
    """Make a function known as the block of its name."""
    FIGURES[function.__name__] = function
    return function


def read(name: str) -> Any:
    """Return what a file of docs/results or benchmarks/results holds."""
    paths = [ROOT / folder / f"{name}.json" for folder in ("docs/results", "benchmarks/results")]
    return json.loads(next(path for path in paths if path.is_file()).read_text("utf-8"))


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of Markdown."""
    lines = [f"| {' | '.join(row)} |" for row in (header, *rows)]
    return "\n".join([lines[0], re.sub(r"[^|]+", "---", lines[0]), *lines[1:]])


def pm(found: dict[str, Any], name: str) -> str:
    """Return a number with its standard error."""
    return f"{found[name]:.2f} ± {found[f'{name}_stderr']:.2f}"


def _bounds(found: dict[str, Any]) -> list[str]:
    return [pm(found, "negative_elbo"), pm(found, "nll")]


def _kl(found: dict[str, Any]) -> str:
    return " + ".join(f"{value:.2f}" for value in found["kl_blocks"].values())


@figure
def mnist() -> str:
    """Gaussian and joint presets on MNIST."""
    rows = {
        "mnist_mlp": ("784-400-20, 20 epochs", "grey values under Bernoulli: not a likelihood", ""),
        "mnist_binary": ("784-200-200-50 tanh, 100 epochs", "dynamic binarisation", ""),
        "mnist_ladder": (
            "two levels of 40, learned mixture, gated units, 220 epochs",
            "dynamic binarisation",
            " on one core",
        ),
        "mnist_joint": ("10 Gaussian + one 10-way, 30 epochs", "dynamic binarisation", ""),
    }
    header = ["preset", "data", "negative ELBO", "NLL (100 samples)", "KL", "training"]
    lines = []
    for name, (model, data, where) in rows.items():
        found = read(name)
        lines.append([f"`{name}` ({model})", data, *_bounds(found), _kl(found), f"{found['seconds']:,.0f} s{where}"])
    return table(header, lines)


@figure
def ladder() -> str:
    """How near the ladder is to its aim."""
    few, many = read("mnist_ladder"), read("mnist_ladder_nll_1000")
    return (
        f"Aim of `mnist_ladder`: below 82 within two hours on two cores; so far it is {few['nll']:.2f} with 100 samples and "
        f"{many['nll']:.2f} with 1,000, after\n{few['seconds'] / 60:.0f} minutes on one core."
    )


@figure
def first_runs() -> str:
    """The plain command beside plain models."""
    return first_run.markdown(read("first_run"))


_PAPERS = {
    "mnist_conditional": ("20-d Gaussian, labels in encoder, decoder, prior", "Sohn, Lee, Yan 2015", "log p(x given label)"),
    "mnist_vamp": ("40-d Gaussian, VampPrior of 100", "Tomczak, Welling 2018", ""),
    "mnist_flow": ("40-d, two steps of an inverse autoregressive flow", "Kingma et al. 2016", ""),
    "mnist_full": ("20-d Gaussian with every covariance", "Kingma, Welling 2019", ""),
    "mnist_iwae": ("50-d Gaussian, importance-weighted bound of 8", "Burda et al. 2016", ""),
    "mnist_autoregressive": ("20 variables of 10 classes, autoregressive prior", "Mnih, Gregor 2014", "hard draws"),
    "mnist_ladder": ("two levels of 40, mixture prior", "Sønderby et al. 2016", ""),
    "mnist_tc": ("10-d Gaussian, β-TC, weight 6", "Chen et al. 2018", "not trained for the bound"),
    "mnist_mmd": ("10-d Gaussian, MMD", "Zhao, Song, Ermon 2019", "not trained for the bound"),
    "mnist_residual": (
        "32-d Gaussian, residual convolutions with attention, mixtures of logistics; grey levels",
        "Kingma et al. 2016; Salimans et al. 2017",
        "4 samples: {bits_per_dim:.3f} bits a pixel; 3 of the preset's 10 epochs, about 750 s each",
    ),
    "sprites": ("10-d Gaussian, β-TC; sprites, 230 test pictures", "Chen et al. 2018", "MIG 0.31, informativeness 0.75"),
    "text": (
        "32-d Gaussian, GRU decoder, free bits; tiny_shakespeare's lines, 1,834 of them",
        "Bowman et al. 2016",
        "20 samples: {bits_per_dim:.2f} bits a character, perplexity {perplexity:.1f}; {num_active} of 32 axes active",
    ),
    "text_categorical": (
        "16 variables of 8 classes, Transformer decoder, free bits; tiny_shakespeare's lines",
        "Bowman et al. 2016; Jang, Gu, Poole 2017",
        "{bits_per_dim:.2f} bits a character, perplexity {perplexity:.1f}; hard draws",
    ),
    "waves": ("8-d Gaussian, recurrent; 553 windows of 48 rows of two sensors, which overlap", "", "a density"),
    "topics": ("8-d Gaussian, negative binomial; counts of 60 words in 400 documents", "Lopez et al. 2018", ""),
}


@figure
def presets() -> str:
    """What presets of papers reach."""
    header = ["preset", "model", "paper", "negative ELBO", "NLL", "KL", "epochs", "time", ""]
    rows = []
    for name, (model, paper, note) in _PAPERS.items():
        found = read(name)
        time = f"{found['seconds']:,.0f} s" if found.get("seconds") else ""
        numbers = [*_bounds(found), f"{found['kl']:.2f}", str(found.get("epochs", 3))]
        rows.append([f"`{name}`", model, paper, *numbers, time, note.format(**found)])
    return table(header, rows)


@figure
def discrete() -> str:
    """Discrete presets, and what their paper gives."""
    busy = ", other work beside"
    rows = (
        ("mnist_categorical", " (20 of 10 classes, 80 epochs)", "static", "", "101.5"),
        ("mnist_categorical", "", "dynamic", "", ""),
        ("mnist_bernoulli", " (200 bits, learned prior, 110 epochs)", "static", busy, "105.0"),
        ("mnist_bernoulli", "", "dynamic", busy, ""),
    )
    header = ["preset", "data", "negative ELBO", "NLL (100 samples)", "KL", "training", "published"]
    lines = []
    for name, model, kind, where, published in rows:
        found = read(f"{name}_{kind}")
        data = {"static": "fixed", "dynamic": "dynamic"}[kind] + " binarisation"
        time = f"{found['seconds']:.0f} s{where}"
        lines.append([f"`{name}`{model}", data, *_bounds(found), _kl(found), time, published])
    return table(header, lines)


@figure
def discrete_samples() -> str:
    """NLL of the discrete presets with more samples; relaxed draws beside hard ones."""
    named = {
        (name, kind): read(f"mnist_{name}_{kind}_nll_1000")
        for name in ("categorical", "bernoulli")
        for kind in ("static", "dynamic")
    }
    words = {"static": "fixed", "dynamic": "dynamic"}
    said = [f"{pm(found, 'nll')} (`mnist_{name}`, {words[kind]})" for (name, kind), found in named.items()]
    gaps = [f"{-found['relaxed_gap']:.2f}" for found in named.values()]
    ahead = {
        name: published - read(f"mnist_{name}_static")["negative_elbo"]
        for name, published in (("categorical", 101.5), ("bernoulli", 105.0))
    }
    more, less = ahead["categorical"], ahead["bernoulli"]
    return (
        f"With 1,000 samples the NLL is {', '.join(said[:-1])}\nand {said[-1]}: `python run.py evaluate RUN --measures bounds "
        "--num-samples 1000 --json`. By the bound the categorical preset is\n"
        f"{more:.1f} nats better than the published number, the binary one {less:.1f}, which is less than its standard error. "
        "The bound with relaxed draws, which is what is trained, is\n"
        f"{', '.join(gaps[:-1])} and {gaps[-1]} nats better, in this order."
    )


@figure
def labels() -> str:
    """How well the class is found with 100 labels."""
    shares = [100 * _of_class(f"mnist_semi_seed{seed}") for seed in range(3)]
    listed = f"{shares[0]:.2f}, {shares[1]:.2f} and {shares[2]:.2f} %"
    return (
        f"**100 labels.** `mnist_semi`, 30 epochs, seeds 0, 1, 2: {listed} of the 10,000 test digits, "
        f"{mean(shares):.1f} ± {stdev(shares):.1f} % (mean, standard deviation), by the last\nepoch's weights; "
        "published with convolutions: 93.6 % (Jang, Gu, Poole 2017)."
    )


def _of_class(name: str) -> float:
    (found,) = [one for one in read(name)["representation"]["clusterings"] if one["method"] == "most probable class"]
    return float(found["accuracy"])


@figure
def searches() -> str:
    """What a Bayesian search finds in a third of its trials."""
    rows = []
    for one in read("tuning")["searches"]:
        values, sizes = one["val_negative_elbo"], [value["size"] for value in one["values"]]
        third = len(values) // 3
        best = [f"{min(part):.2f} (size {sizes[values.index(min(part))]})" for part in (values[:third], values)]
        rows.append([str(one["seed"]), *best, f"{100 * one['worse_by']:.2f} %"])
    return table(["seed", "best of the first 4", "best of all 12", "worse by"], rows)


@figure
def searched_sizes() -> str:
    """How far the sizes are apart that a search chooses between."""
    spreads, early, seconds = [], [], []
    for one in read("tuning")["searches"]:
        by_size = {value["size"]: nats for value, nats in zip(one["values"], one["val_negative_elbo"], strict=True)}
        near = [by_size[size] for size in (4, 6, 8)]
        spreads.append(f"{max(near) - min(near):.2f}")
        early.append(min(one["val_negative_elbo"][:3]) == one["best"])
        seconds.append(one["training_seconds"])
    return (
        f"In {sum(early)} of the 3 searches the best of all was among the three random trials that a Bayesian search\n"
        f"begins with, by luck: sizes 4, 6 and 8 differ by {', '.join(spreads)} nats in the three. The trainings of one\n"
        f"search of 12 trials took {min(seconds):.0f} to {max(seconds):.0f} s on two cores."
    )


@figure
def samples() -> str:
    """How the bound falls with the number of samples."""
    found = read("evaluate_mnist_mlp_5000")["nll_at"]
    return table(
        ["samples", *(f"{one['num_samples']:,}" for one in found)], [["NLL, nats", *(pm(one, "nll") for one in found)]]
    )


@figure
def holes() -> str:
    """Points of the latent space that decode to nothing."""
    first, second = (one["holes"] for one in read("compare_autoencoder_vae")["runs"])
    rows = [
        [a["origin"], *(f"{one[key]:.{digits}f}" for one in (a, b) for key, digits in (("distance", 2), ("confidence", 3)))]
        for a, b in zip(first, second, strict=True)
    ]
    return table(["decoded points", "autoencoder: distance", "confidence", "VAE: distance", "confidence"], rows)


@figure
def anomalies() -> str:
    """How a density finds digits it has not seen."""
    rows = []
    for digit in ("9", "1"):
        (found,) = [one for one in read(f"anomalies_mnist_without_{digit}")["detection"] if one["score"] == "nll"]
        total = found["num_anomalies"] + found["num_normal"]
        chance = found["num_anomalies"] / total
        precision = f"{found['average_precision']:.3f} ({chance:.3f})"
        auc = f"{found['roc_auc']:.3f} ± {found['roc_auc_stderr']:.3f}"
        rows.append([digit, f"MNIST test, {total:,}", auc, precision])
    return table(["trained without", "scored", "ROC AUC of the NLL", "average precision (chance)"], rows)


@figure
def estimators() -> str:
    """Bias and variance of gradient estimators."""
    rows = []
    for one in read("estimators_digits")["estimators"]:
        name = one["name"] + ("" if one["target"] == "elbo" else f", {one['num_samples']} samples, its own bound")
        temperature = "-" if one["temperature"] is None else f"{one['temperature']:g}"
        low, high = one["bias_interval"]
        rows.append([name, temperature, f"{low:.2f} to {high:.2f}", f"{one['variance']:.3g}", f"{one['cosine']:.3f}"])
    return table(["estimator", "temperature", "bias, 95 % interval", "variance", "cosine of one draw"], rows)


@figure
def learned_with() -> str:
    """What training with each estimator arrives at."""
    curves = read("estimators_digits")["curves"]
    return table(
        ["trained with", "best validation negative ELBO"],
        [[one["name"], f"{min(one['val_negative_elbo']):.2f}"] for one in curves],
    )


@figure
def capacity() -> str:
    """What the joint model's discrete block carries."""
    nats = read("mnist_joint")["kl_blocks"]["categorical"]
    return (
        "Validation and test binarisation is one fixed draw, the same for all runs. The joint model's discrete block has not\n"
        f"collapsed: its 10-way variable carries {nats:.2f} nats of at most ln 10 = {log(10):.2f}."
    )


@figure
def tried_labels() -> str:
    """Variants of the model with 100 labels that are no better."""
    conv, light, summed = (100 * _of_class(f"mnist_semi_{name}") for name in ("conv", "label_weight_1", "marginalized"))
    return (
        'Tried, and worse (seed 0): a convolutional network (`--set "model.network={kind: conv, widths: [32, 64],\n'
        f'hidden_size: 256}}"`, 16 epochs) gave {conv:.1f} % with labels of weight 10; a smaller weight of the labels (1)\n'
        f"{light:.1f} %; the class summed over (`--set objective.unlabelled=marginalized`), at weight 10, {summed:.1f} %."
    )


@figure
def tried_levels() -> str:
    """What more samples and dropout do to two levels."""
    many, dropped = read("mnist_ladder_nll_1000"), read("mnist_ladder_dropout")
    return (
        f"With 1,000 samples the NLL of `mnist_ladder` is {pm(many, 'nll')} (`python run.py evaluate RUN --measures latent\n"
        "--num-samples 1000`): the aim, below 82, is not reached. Dropout of 0.1, "
        f"{dropped['epochs']} epochs and all 60,000 images gave\n{pm(dropped, 'nll')} with 100 samples, the training loss "
        "above the validation's (`--set model.network.dropout=0.1\n--set training.epochs=300 --set "
        "training.learning_rate.steps=140700 --set training.learning_rate.stop=0.00003\n--set data.train_on_validation=true "
        "--set training.select=last`; `mnist_ladder_dropout.json`)."
    )


@figure
def tried_covariances() -> str:
    """Two ways to a Cholesky factor."""
    plain, scaled = read("mnist_full_plain_triangle"), read("mnist_full")
    return (
        "What was learned on the way. Covariances: with a triangle D + N for the Cholesky factor (the code before version\n"
        f"control's ef46210), the command of `mnist_full` gave {pm(plain, 'negative_elbo')} (`mnist_full_plain_triangle.json`);"
        f" with\nD (I + N / size), which starts with as much noise as a diagonal, {scaled['negative_elbo']:.2f}."
    )


@figure
def load() -> str:
    """The server under load."""
    rows = []
    for one in read("serving_mnist_mlp")["results"]:
        numbers = [f"{one['throughput']:.0f}", *(f"{one[key]:.2f}" for key in ("p50", "p95", "p99")), str(one["errors"])]
        rows.append([one["server"], one["protocol"], str(one["clients"]), str(one["batch"]), *numbers])
    return table(["server", "over", "clients", "rows", "requests/s", "p50 ms", "p95 ms", "p99 ms", "errors"], rows)


@figure
def beside() -> str:
    """This toolkit beside others."""
    return bench.table(read("bench")["rows"])


def written(text: str) -> str:
    """Return a page with its blocks as their files have them."""
    return BLOCK.sub(lambda match: f"{match[1]}{FIGURES[match[2]]()}{match[4]}", text)


def differing(root: Path = ROOT) -> list[str]:
    """Return the blocks that are not what their files say, as `PAGE: NAME`."""
    found = ((page, match) for page in PAGES for match in BLOCK.finditer((root / page).read_text("utf-8")))
    return [f"{page}: {match[2]}" for page, match in found if match[3] != FIGURES[match[2]]()]


def main() -> None:
    """Put the pages right, or say what is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 where a block differs")
    wrong = differing()
    if not parser.parse_args().check:
        for page in PAGES:
            path = ROOT / page
            path.write_text(written(path.read_text("utf-8")), "utf-8")
    print("\n".join(wrong) or "Every block is what its file says.")
    sys.exit(bool(wrong) and parser.parse_args().check)


if __name__ == "__main__":
    main()
