"""What the report shows of a model of texts, as tables: pictures of many texts cannot be read."""

from typing import Any

from vae_tf.data.pipeline import gather_examples
from vae_tf.data.text import decode_text
from vae_tf.evaluation.assessment import Subject
from vae_tf.evaluation.pictures import interpolation_grid
from vae_tf.evaluation.text_copies import make_texts, nearest_texts, training_texts
from vae_tf.seeding import derive

__all__ = ["text_tables"]

_NUM_TEXTS, _NUM_STEPS = 10, 7


def text_tables(subject: Subject, split: str) -> list[dict[str, Any]]:
    """Return tables of reconstructions, of ways between texts, and of made texts beside the training texts that are nearest.

    Args:
        subject: the model and its data.
        split: of the texts that are reconstructed.
    """
    return [_reconstructions(subject, split), *_ways(subject, split), _made(subject)]


def _table(title: str, headings: tuple[str, ...], rows: Any) -> dict[str, Any]:
    return {"title": title, "headings": headings, "rows": list(rows), "more": 0}


def _reconstructions(subject: Subject, split: str) -> dict[str, Any]:
    spec, (x, labels) = subject.dataset.spec, gather_examples(subject.dataset, split, _NUM_TEXTS)
    made = subject.vae.reconstruct(x, labels).numpy()
    rows = zip(decode_text(spec, x), decode_text(spec, made), strict=True)
    return _table("Texts, and the likeliest token after token at their codes", ("text", "reconstruction"), rows)


def _ways(subject: Subject, split: str) -> list[dict[str, Any]]:
    """Return the way from the first text of a split to the second."""
    spec, (x, labels) = subject.dataset.spec, gather_examples(subject.dataset, split, 2)
    if len(x) < 2:
        return []
    grid = interpolation_grid(subject.vae, x[:1], x[1:], _NUM_STEPS, (labels[:1], labels[1:]))
    straight, spherical = (decode_text(spec, path) for path in grid)
    start, stop = decode_text(spec, x)
    title = f"From “{start}” to “{stop}”"
    return [_table(title, ("step", "straight", "spherical"), zip(range(1, _NUM_STEPS + 1), straight, spherical, strict=True))]


def _made(subject: Subject) -> dict[str, Any]:
    made = make_texts(subject.vae, subject.dataset, _NUM_TEXTS, derive(subject.seed, "generation"))
    train = training_texts(subject.dataset)
    shares, rows = nearest_texts(made, train)
    found = ((text, train[row], f"{share:.0%}") for text, row, share in zip(made, rows, shares, strict=True))
    headings = ("made text", f"nearest of {len(train):,} training texts", "trigrams in common")
    return _table("Draws of the prior, token by token", headings, found)
