"""The model card: what a stranger should know of a run, from its own records."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError
from vae_tf.evaluation.findings import collapse_findings
from vae_tf.evaluation.obvious import read_obvious
from vae_tf.evaluation.tables import obvious_text
from vae_tf.evaluation.uncertainty import with_error
from vae_tf.training.runs import LoadedRun
from vae_tf.version import VERSION

__all__ = ["NO_LICENCE", "CardFacts", "check_licence", "render_card"]

NO_LICENCE = "none"
"""Said where no licence is given: all rights stay with who made it."""
_COLUMNS = 40
_PICTURES = {
    "reconstructions": "Examples of the test split, and below each what the model makes of its code.",
    "samples": "Examples that the model made.",
    "traversal": "Each row one axis of the code, from low to high.",
}
_NUMBERS = (("negative_elbo", "negative ELBO", "nats"), ("nll", "NLL", "nats"), ("bits_per_dim", "bits a dimension", "bits"))


@dataclass(frozen=True)
class CardFacts:
    """What a card tells beside the run.

    Attributes:
        name: of the model.
        url: where it is pushed to.
        licence: as the Hub names it; `none`.
        pictures: names of the pictures that go along, without `.png`.
        servable: the servable's folder in the push; empty: none goes along.
        code: names of files of the run's own parts.
    """

    name: str
    url: str
    licence: str
    pictures: tuple[str, ...] = ()
    servable: str = ""
    code: tuple[str, ...] = ()


def check_licence(licence: str | None) -> str:
    """Return a licence as it was said, in small letters; nobody's is guessed.

    Raises:
        UserValueError: none was said, or it is no name of one.

    Example:
        >>> check_licence("MIT")
        'mit'
        >>> check_licence("my own!")
        Traceback (most recent call last):
        vae_tf.errors.UserValueError: --license takes the short name of a licence, as apache-2.0. Received: 'my own!'.
    """
    if not licence:
        raise UserValueError(
            "Say under which licence others may use it: --license (in Python licence) apache-2.0, mit, ..., or none: then all "
            "rights stay yours. The data may forbid one."
        )
    licence = licence.lower()
    if not licence.replace("-", "").replace(".", "").isalnum() or not licence.isascii():
        raise UserValueError(f"--license takes the short name of a licence, as apache-2.0. Received: {licence!r}.")
    return licence


def render_card(loaded: LoadedRun, results: Mapping[str, Any], facts: CardFacts) -> str:
    """Return README.md: a front matter that the Hub reads, and what people do.

    Args:
        loaded: the run.
        results: its numbers on the test split.
        facts: what the card tells beside.
    """
    environment = Environment(
        loader=PackageLoader("vae_tf.hub"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown; texts of the data are escaped by the filter `plain`
    )
    environment.filters["plain"] = _plain
    spec = loaded.spec
    return environment.get_template("card.md.jinja").render(
        front=yaml.safe_dump(_front(loaded, results, facts), sort_keys=False, allow_unicode=True).strip(),
        facts=facts,
        spec=spec,
        config=loaded.config,
        shape=" x ".join(map(str, spec.event_shape)),
        codes=loaded.vae.latent.size,
        columns=[(column.name, column.kind) for column in spec.columns[:_COLUMNS]],
        num_columns=len(spec.columns),
        latents=" + ".join(block.kind for block in loaded.config.model.latents),
        num_parameters=sum(one.count_params() for one in (loaded.vae.encoder, loaded.vae.latent, loaded.vae.decoder)),
        results=results,
        numbers=list(_numbers(results)),
        plain_models=[(row.obvious.name, row.obvious.quantity, obvious_text(row)) for row in read_obvious(results)],
        limits=list(_limits(loaded, results)),
        pictures=[(name, told) for name, told in _PICTURES.items() if name in facts.pictures],
        license=None if facts.licence == NO_LICENCE else facts.licence,
        version=VERSION,
    )


def _plain(text: object) -> str:
    r"""Return a text of the data as Markdown shows it, with nothing in it that is markup, in one line.

    Example:
        >>> _plain("a|b <img>\n# c")
        'a\\|b \\<img\\> \\# c'
    """
    line = " ".join(str(text).split())
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>#|" else letter for letter in line)


def _front(loaded: LoadedRun, results: Mapping[str, Any], facts: CardFacts) -> dict[str, Any]:
    """Return what the Hub reads: it shows numbers beside those of other models of the same data."""
    spec = loaded.spec
    metrics = [{"type": name, "name": title, "value": value} for name, title, _, value, _ in _measured(results)]
    measured = {
        "task": {"type": "density-estimation", "name": "Density estimation"},
        "dataset": {"type": spec.name, "name": spec.name, "split": results["split"]},
        "metrics": metrics,
    }
    front: dict[str, Any] = {} if facts.licence == NO_LICENCE else {"license": facts.licence}
    tags = ["vae", "variational-autoencoder", "keras", "tensorflow", "vae_tf", _sort_of(spec)]
    front |= {"library_name": "vae_tf", "tags": tags}
    if spec.is_image:
        front["pipeline_tag"] = "unconditional-image-generation"
    return {**front, "model-index": [{"name": facts.name, "results": [measured]}]} if metrics else front


def _sort_of(spec: DatasetSpec) -> str:
    sorts = {"image": spec.is_image, "text": spec.is_text, "time-series": spec.is_series, "tabular": spec.is_table}
    return next((name for name, is_it in sorts.items() if is_it), "arrays")


def _measured(results: Mapping[str, Any]) -> Iterator[tuple[str, str, str, float, float | None]]:
    """Give what was measured: key, title, unit, value and standard error; an autoencoder has no density."""
    for name, title, unit in _NUMBERS:
        if results.get(name) is not None:
            yield name, title, unit, float(results[name]), results.get(f"{name}_stderr")


def _numbers(results: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, title, unit, value, stderr in _measured(results):
        samples = f" ({results['num_samples']} samples)" if name == "nll" else ""
        yield title, f"{with_error(value, stderr, results['num_examples'])} {unit}{samples}"
    for block, value in results.get("kl_blocks", {}).items():
        yield f"KL of {_plain(block)}", f"{value:.2f} nats"


def _limits(loaded: LoadedRun, results: Mapping[str, Any]) -> Iterator[str]:
    """Give what a reader should not expect, as the run's own records have it."""
    yield from (row.verdict for row in read_obvious(results) if row.is_behind)
    yield from (found.text for found in collapse_findings(results.get("kl_blocks", {}), results.get("nll") is not None))
    if results.get("curve"):  # older runs have none
        yield results["curve"]["text"]
    if loaded.config.data.train_on_validation:
        yield "The validation split was trained on too."
