"""`run.py evaluate`: the numbers of a run, in nats an example."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from vae_tf.cli.common import (
    JsonOption,
    LimitOption,
    RunArgument,
    SplitOption,
    console,
    emit,
    numbers_table,
    open_data,
    open_run,
    progress,
)

__all__ = ["evaluate"]


def evaluate(
    run: RunArgument,
    split: SplitOption = "test",
    num_samples: Annotated[int, typer.Option(help="Importance samples an example.", min=1)] = 500,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure negative ELBO and importance-weighted NLL.

    Categorical blocks are drawn as hard one-hot vectors: a bound of the discrete model; the same numbers with relaxed draws
    are given beside them. The same command gives the same numbers.
    """
    loaded = open_run(run)
    from vae_tf.data.pipeline import eval_batches
    from vae_tf.evaluation.bounds import BoundEstimator
    from vae_tf.seeding import derive_pair

    dataset = open_data(loaded)
    total = min(limit or dataset.split(split).num_examples, dataset.split(split).num_examples)
    batches = eval_batches(dataset, split, loaded.config.evaluation.batch_size, limit)
    seed = derive_pair(loaded.config.seed, "evaluate", split)
    result: dict[str, Any] = {"run": run, "split": split}
    with progress("Hard samples" if loaded.vae.latent.is_relaxed else "Samples", total) as advance:
        result |= asdict(BoundEstimator(loaded.vae).means(batches, num_samples, seed, advance))
    if loaded.vae.latent.is_relaxed:
        with progress("Relaxed samples", total) as advance:
            result["relaxed"] = asdict(BoundEstimator(loaded.vae, hard=False).means(batches, num_samples, seed, advance))
    emit(result, as_json, lambda: _show(result))


def _show(result: dict[str, Any]) -> None:
    console.print(numbers_table(f"{result['split']} split of {result['run']}", _rows(result)), highlight=False)
    if "relaxed" in result:
        title = "the same with relaxed samples (no bound of the discrete model)"
        console.print(numbers_table(title, _rows(result["relaxed"])), highlight=False)


def _rows(numbers: dict[str, Any]) -> dict[str, str]:
    has_nll = numbers["nll"] is not None
    return {
        "negative ELBO": f"{numbers['negative_elbo']:.3f} ± {numbers['negative_elbo_stderr']:.3f} nats",
        f"NLL ({numbers['num_samples']} samples)": f"{numbers['nll']:.3f} ± {numbers['nll_stderr']:.3f} nats"
        if has_nll
        else "none: an autoencoder has no density",
        "reconstruction NLL": f"{numbers['reconstruction_nll']:.3f} nats",
        "KL": f"{numbers['kl']:.3f} nats",
        **{f"KL of {name}": f"{value:.3f} nats" for name, value in numbers["kl_blocks"].items()},
        "bits/dim": f"{numbers['bits_per_dim']:.4f}" if has_nll else "-",
        "examples": f"{numbers['num_examples']:,}",
    }
