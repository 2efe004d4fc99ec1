"""Figures of the pages: what searches find, and what measures say of runs."""

from blocks import figure, listed, pm, read, table


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
def default_run() -> str:
    """The default run beside plain models."""
    rows = []
    for one in read("digits")["obvious"]:
        plain, digits = one["obvious"], 4 if one["obvious"]["quantity"] == "squared error" else 2
        word = "ahead" if one["is_ahead"] else "behind" if one["is_behind"] else "level"
        by = f"{word} by {abs(one['difference'] / one['stderr']):.1f} standard errors"
        number = f"{plain['value']:.{digits}f} ± {plain['stderr']:.{digits}f} {plain['quantity']}"
        rows.append([plain["name"], number, f"{one['ours']:.{digits}f}", by])
    return table(["plain model", "its number", "the model's", ""], rows)


@figure
def frechet() -> str:
    """How far draws of the prior are from data."""
    first, second = (one["generation"] for one in read("compare_autoencoder_vae")["runs"])
    return (
        "Distance: median to the nearest training example in classifier features, in units of the test examples' own. Frechet\n"
        f"distance of prior draws: {first['frechet_distance']:.1f} and {second['frechet_distance']:.1f} (training against test "
        f"examples: {first['frechet_floor']:.1f})."
    )


@figure
def tumours() -> str:
    """How a density finds tumours that it has not seen."""
    (found,) = [one for one in read("anomalies_tumours")["detection"] if one["score"] == "nll"]
    num, normal = found["num_anomalies"], found["num_normal"]
    return (
        f"On the test split ({normal} benign, {num} malignant) the NLL finds the malignant with ROC AUC "
        f"{pm(found, 'roc_auc', 3)}, "
        f"average precision {pm(found, 'average_precision', 3)}\n(chance: {num / (num + normal):.3f}; "
        "[JSON](results/anomalies_tumours.json))."
    )


@figure
def known_factors() -> str:
    """What the axes of the sprites' model know of their factors."""
    found = read("sprites_factors")["disentanglement"]
    return (
        f"`sprites`: mutual information gap {found['mig']:.2f}, disentanglement {found['disentanglement']:.2f}, completeness "
        f"{found['completeness']:.2f}, informativeness {found['informativeness']:.2f}\n(`python run.py evaluate RUN "
        "--num-samples 1 --json`)."
    )


@figure
def policies() -> str:
    """Where policies arrive."""
    found = read("policy")
    rows = [[name, *(f"{one[name]:.4f}" for one in found.values())] for name in next(iter(found.values()))]
    return table(["expected return after 200 updates, mean of five seeds", *found], rows)


@figure
def fuzzed() -> str:
    """What a server answers to mutated requests."""
    found = read("fuzz")
    answers = listed(f"{count:,} times {answer}" for answer, count in found["answers"].items())
    return (
        f"Of {found['cases']:,} (seed {found['seed']}): {answers}.\n{found['wrong']} were wrong: a 5xx, `INTERNAL`, "
        "`UNKNOWN` or "
        "`DATA_LOSS`, or a connection lost; and the server answered good requests after them."
    )
