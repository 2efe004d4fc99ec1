"""`run.py topics`: what a model of counts has learned, in words."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import JsonOption, RunArgument, check_suffix, console, emit, open_data, open_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vae_tf.evaluation.topics import Topic, TopicQuality

__all__ = ["topics"]

_SHOWN = 8


def topics(
    run: RunArgument,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="FILE.csv: a line a word of a topic.")] = None,
    words: Annotated[int, typer.Option(help="Words of a topic.", min=2)] = 25,
    alone: Annotated[bool, typer.Option("--alone", help="Fit no plain topics beside these: saves their time.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Name the topics of a run on counts: the words that each end of an axis makes more likely, or each class.

    Beside them stand topics of LDA and of a non-negative factorisation, as many, of the same training examples: coherence says
    how often the first ten words of a topic stand in the same examples (1: always, 0: by chance), diversity how many of
    the first 25 are in no other topic. Example: `{program} topics RUN -o topics.csv`.
    """
    if output:
        check_suffix(output, ".csv")
    with console.status("Opening the run"):
        loaded = open_run(run)
    from vae_tf.evaluation.topics import find_topics, measure_topics, plain_topics

    data = open_data(loaded)
    train = getattr(data.split("train"), "x", None)
    found = find_topics(loaded.vae, loaded.spec, train, words)
    names = loaded.spec.feature_names or tuple(f"column {number}" for number in range(loaded.spec.num_dims))
    quality = {"the model": measure_topics(found, train)} if found else {}
    if found and not alone:
        with console.status(f"Fitting {len(found)} plain topics"):
            quality |= {name: measure_topics(plain, train) for name, plain in plain_topics(train, len(found)).items()}
    if output:
        _write(output, found, names)
    told = [{"topic": one.name, "words": [names[word] for word in one.words.tolist()]} for one in found]
    result = {"topics": told, "quality": {name: vars(one) for name, one in quality.items()}, "path": str(output or "")}
    emit(result, as_json, lambda: _show(told, quality, output))


def _write(output: Path, found: "Sequence[Topic]", names: "Sequence[str]") -> None:
    from vae_tf.data.table_text import TextTable, write_texts

    rows = [
        [topic.name, rank, names[word], f"{share:.6g}", f"{lift:.6g}"]
        for topic in found
        for rank, (word, share, lift) in enumerate(zip(topic.words.tolist(), topic.share, topic.lift, strict=True), 1)
    ]
    write_texts(TextTable(["topic", "rank", "word", "share", "lift"], rows), output)


def _show(told: "Sequence[dict[str, Any]]", quality: "dict[str, TopicQuality]", output: Path | None) -> None:
    from rich.text import Text

    from vae_tf.cli.tables import table
    from vae_tf.escaping import visible

    if not told:
        console.print("No axis varies: the model has no topics. Train longer, or with less weight on the KL.", soft_wrap=True)
        return
    for one in told:
        console.print(
            Text.assemble((visible(one["topic"]), "bold"), ": ", visible(", ".join(one["words"][:_SHOWN]))), soft_wrap=True
        )
    rows = [
        (name, str(one.num_topics), f"{one.coherence:.3f}", f"{100 * one.diversity:.0f} %") for name, one in quality.items()
    ]
    console.print(
        table("How well they go together, in training examples", ["topics of", "number", "coherence", "diversity"], rows)
    )
    if output:
        typer.echo(str(output))
