"""What the numbers mean, in plain sentences, each with the setting to change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vae_tf.evaluation.bounds import BoundEstimates
from vae_tf.evaluation.code_use import CodeUse
from vae_tf.evaluation.curve import CurveVerdict, read_curve
from vae_tf.evaluation.generation import Generation
from vae_tf.evaluation.latent_statistics import BlockStatistics, LatentStatistics
from vae_tf.evaluation.nearness import Nearness
from vae_tf.evaluation.obvious.base import ObviousComparison
from vae_tf.evaluation.text_copies import TextCopies
from vae_tf.evaluation.uncertainty import with_error

__all__ = [
    "Finding",
    "collapse_findings",
    "collapsed_blocks",
    "diagnose_bounds",
    "diagnose_curve",
    "diagnose_generation",
    "diagnose_latent",
    "diagnose_obvious",
    "diagnose_text_copies",
    "steps_of",
]

COLLAPSED_NATS = 0.1
"""A block with less KL than this tells the decoder nothing."""
_UNUSED_NATS = 0.1
_RELAXED_GAP = 1.0
_FALLING_NATS = 0.3
_COPIES = 0.02
_FEW_ALIVE = 0.5
"""Share of the codes in use below which there are too many of them."""
_RISES = (1_000, 5_000)
"""Steps in which a KL weight rises, at least and at most: half the training where that lies between."""
_CLEARLY = 3.0
"""Standard errors from which made rows are said to be nearer to training rows than others."""
_LEVELS: dict[str, Literal["good", "note", "warning"]] = {
    "unfinished": "warning",
    "overfitted": "note",
    "noisy": "warning",
    "done": "good",
}


@dataclass(frozen=True)
class Finding:
    """One thing a reader should know.

    Attributes:
        level: `good`, `note`, or `warning`: something to mend.
        text: what was found.
        advice: what to do about it; empty where there is nothing to do.
    """

    level: Literal["good", "note", "warning"]
    text: str
    advice: str = ""


def collapsed_blocks(kl_blocks: Mapping[str, float]) -> list[str]:
    """Return the names of blocks with a mean KL under 0.1 nats.

    Example:
        >>> collapsed_blocks({"gaussian": 12.0, "categorical": 0.002})
        ['categorical']
    """
    return [name for name, kl in kl_blocks.items() if kl < COLLAPSED_NATS]


def steps_of(records: Sequence[Mapping[str, Any]]) -> int:
    """Return the steps of a training by its metrics; 0 where they do not say.

    Example:
        >>> steps_of([{"step": 10}, {"step": 20}]), steps_of([])
        (20, 0)
    """
    return int(records[-1].get("step", 0)) if records else 0


def _slow_start(index: int, num_steps: int) -> str:
    """Say how the KL weight rises slowly, in a training that is long enough for it to arrive."""
    rise = min(_RISES[1], max(_RISES[0], num_steps // 2))
    longer = f" and --steps {4 * rise}, for {num_steps:,} are few" if 0 < num_steps < 2 * rise else ""
    return (
        f"Let the KL weight start at 0 and rise slowly: --set 'model.latents[{index}].kl_weight={{kind: linear, start: 0, "
        f"stop: 1, steps: {rise}}}'{longer}; if that is not enough, lower training.learning_rate."
    )


def collapse_findings(kl_blocks: Mapping[str, float], has_density: bool = True, num_steps: int = 0) -> list[Finding]:
    """Return a warning for every collapsed block; none for an autoencoder (no density), which has no KL."""
    if not has_density:
        return []
    names = list(kl_blocks)
    return [
        Finding(
            "warning",
            f"Block {name} has collapsed: its KL is {kl_blocks[name]:.3f} nats, so codes tell next to nothing of x.",
            _slow_start(names.index(name), num_steps),
        )
        for name in collapsed_blocks(kl_blocks)
    ]


def diagnose_bounds(
    bounds: BoundEstimates, relaxed: BoundEstimates | None, split: str, records: Sequence[Mapping[str, Any]]
) -> list[Finding]:
    """Read the bounds.

    Args:
        bounds: with hard draws.
        relaxed: with relaxed draws, where the latent has such.
        split: what was measured.
        records: the epochs' metrics of the training.
    """
    found = [*_about_split(split), *collapse_findings(bounds.kl_blocks, bounds.nll is not None, steps_of(records))]
    if bounds.nll is None:
        text = "This is an autoencoder: it has no prior and no bound on log p(x). Its negative ELBO is the reconstruction error"
        found.append(Finding("note", f"{text} alone, which does not compare with a VAE's."))
    found += _about_convergence(bounds)
    if relaxed is not None and abs(relaxed.negative_elbo - bounds.negative_elbo) > _RELAXED_GAP:
        found.append(
            Finding(
                "note",
                f"Relaxed draws give {relaxed.negative_elbo:.2f} nats, hard ones {bounds.negative_elbo:.2f}: the decoder was "
                "trained on codes that the discrete model does not have. Compare models by the hard number.",
                "Lower the temperature at which training ends (model.latents[i].temperature).",
            )
        )
    return [*found, *diagnose_curve(read_curve(records))]


def _about_split(split: str) -> list[Finding]:
    said = {
        "train": "The model was trained on this split: these numbers say nothing about new data.",
        "validation": "The best epoch was selected on this split: these numbers are a little too good.",
    }
    return [Finding("note", said[split], "Use --split test for numbers to publish.")] if split in said else []


def _about_convergence(bounds: BoundEstimates) -> list[Finding]:
    if len(bounds.nll_at) < 3:
        return []
    before, last = bounds.nll_at[-2], bounds.nll_at[-1]
    fall = before["nll"] - last["nll"]
    if fall <= _FALLING_NATS:
        return []
    text = f"The NLL still fell by {fall:.2f} nats from {before['num_samples']} to {last['num_samples']} samples"
    return [Finding("note", f"{text}: the true one is lower.", f"Use more: --num-samples {10 * bounds.num_samples}.")]


def diagnose_curve(verdict: CurveVerdict) -> list[Finding]:
    """Say how the training went; nothing where its curve is too short to tell."""
    if verdict.name == "short":
        return []
    return [Finding(_LEVELS[verdict.name], verdict.text, verdict.advice)]


def diagnose_latent(latent: LatentStatistics, num_steps: int = 0) -> list[Finding]:
    """Read which axes are used, and whether the decoder uses them; 0 steps are an unknown number of them."""
    return [finding for index, block in enumerate(latent.blocks) for finding in _about_block(index, block, num_steps)]


def _about_block(index: int, block: BlockStatistics, num_steps: int) -> list[Finding]:
    told = [Finding("note", f"Block {block.name}: {block.left_out}")] if block.left_out else []
    numbers = [f", codebook {stage}" for stage, _ in enumerate(block.code_use, start=1)] if len(block.code_use) > 1 else [""]
    told += [_about_codes(block.name + number, use) for number, use in zip(numbers, block.code_use, strict=False)]
    if block.kl is None and not told:
        return []
    if block.decoder_use < _UNUSED_NATS:
        text = f"The decoder does not use block {block.name}: with another example's draw reconstructions get only"
        advice = "Lower training.learning_rate." if block.code_use else _slow_start(index, num_steps)
        return [*told, Finding("warning", f"{text} {block.decoder_use:.3f} nats worse.", advice)]
    if block.kl is None or block.kl < COLLAPSED_NATS:
        return told
    num_axes, noun = len(block.axes), "axes" if len(block.axes) > 1 else "axis"
    used = f"Block {block.name}: {block.num_active} of {num_axes} {noun} active, {block.kl:.2f} nats;"
    worth = f"{used} with another example's draw reconstructions get {block.decoder_use:.1f} nats worse."
    if block.num_active == num_axes:
        return [Finding("good", worth, "")]
    return [
        Finding(
            "note",
            f"{worth} The other {num_axes - block.num_active} stay at the prior: the model needs no more than it uses.",
            f"Nothing to mend; a smaller latent would give the same bound (about {max(1, block.num_active)} axes).",
        )
    ]


def _about_codes(name: str, use: CodeUse) -> Finding:
    """Say how many of a codebook's codes are used, and what their perplexity means."""
    told = f"Block {name}: {use.num_alive:,} of {use.num_codes:,} codes are used, with a perplexity of"
    text = f"{told} {use.perplexity:.1f}: as many codes, used equally often, would be as hard to guess."
    if use.num_alive >= _FEW_ALIVE * use.num_codes:
        return Finding("good", text)
    advice = (
        "Fewer codes would do (model.latents[i].num_classes, or levels); with a codebook a larger revival uses more of them."
    )
    return Finding("note" if use.num_alive > 1 else "warning", text, advice)


def diagnose_generation(generation: Generation) -> list[Finding]:
    """Read whether the model repeats training examples."""
    if generation.nearness:
        return [_diagnose_nearness(generation.nearness)]
    memory = generation.memorization
    if memory.copies <= memory.held_out_copies + _COPIES:
        return []
    return [
        Finding(
            "warning",
            f"{memory.copies:.1%} of the generated examples are near-copies of a training example; of test examples "
            f"{memory.held_out_copies:.1%} are.",
            "Use a smaller network, more data, or stop earlier (training.patience).",
        )
    ]


def _diagnose_nearness(found: Nearness) -> Finding:
    """Say whether made rows are nearer to training rows than other real rows are."""
    copies = f"{found.made_copies:.1%} are copies of training rows, of real rows {found.real_copies:.1%}"
    made = with_error(found.made, found.made_stderr, found.num_rows, 3)
    held_out = with_error(found.held_out, found.held_out_stderr, found.num_rows, 3)
    figures = f"distance to the nearest {made}, of test rows {held_out}; {copies} ({found.num_rows:,} rows of either)."
    advice = "They may give training rows away. Fewer epochs (--epochs) or a smaller code (--latent) let a model remember less."
    if found.more_copies > _CLEARLY:
        told = f"More made rows are copies of training rows than real rows are, by {found.more_copies:.1f} standard errors"
        return Finding("warning", f"{told}: {figures}", advice)
    if found.nearer > _CLEARLY:
        told = f"Made rows are nearer to training rows than other real rows are, by {found.nearer:.1f} standard errors"
        return Finding("warning", f"{told}: {figures}", advice)
    return Finding("good", f"Made rows are no nearer to training rows than other real rows are: {figures}")


def diagnose_text_copies(found: TextCopies | None) -> list[Finding]:
    """Say whether more made texts are copies of training texts, or nearly, than real ones are."""
    if found is None:
        return []
    figures = (
        f"{found.made_near:.1%} are, and {found.made_copies:.1%} word for word; of test texts {found.held_out_near:.1%} and "
        f"{found.held_out_copies:.1%}; {found.train_copies:.1%} of the training texts are there more than once "
        f"({found.num_texts:,} texts made)."
    )
    if found.more_near > _CLEARLY:
        told = f"More made texts are copies or near copies of training texts than real ones are: {figures}"
        advice = "They may give training texts away. Fewer epochs (--epochs), more dropout or a smaller network remember less."
        return [Finding("warning", told, advice)]
    return [Finding("good", f"No more made texts are copies or near copies of training texts than real ones are: {figures}")]


def diagnose_obvious(comparisons: Iterable[ObviousComparison]) -> list[Finding]:
    """Warn of every plain model that the model is behind; say in one line that it is ahead of all."""
    fair = [found for found in comparisons if found.is_behind or found.is_ahead]
    behind = [Finding("warning", found.verdict, found.advice) for found in fair if found.is_behind]
    if behind or not fair:
        return behind
    names = ", ".join(dict.fromkeys(found.obvious.name for found in fair))
    return [Finding("good", f"Ahead of the obvious by more than two standard errors: {names}.")]
