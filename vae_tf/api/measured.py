"""What was measured of a run, as notebooks show it: the numbers of `evaluate --json`, and those of the test split."""

from collections.abc import Mapping
from typing import Any

from vae_tf.evaluation.assessment import Assessment
from vae_tf.evaluation.tables import assessment_tables
from vae_tf.evaluation.uncertainty import with_error
from vae_tf.notebooks import html_card
from vae_tf.training.runs import LoadedRun

__all__ = ["Measured", "run_card"]


class Measured(dict[str, Any]):
    """The numbers by name, a plain mapping; in a notebook tables and findings.

    Args:
        subject: whose they are.
        assessment: what was measured.
    """

    def __init__(self, subject: str, assessment: Assessment) -> None:
        super().__init__(assessment.to_json())
        self._subject = subject
        self._assessment = assessment

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        found = (f"{finding.text} {finding.advice}".strip() for finding in self._assessment.findings)
        return html_card(f"{self._subject}, in nats an example", assessment_tables(self._assessment), found)


def run_card(title: str, loaded: LoadedRun) -> str:
    """Return what a notebook shows of a run: what it is of, its numbers on the test split, and reconstructions.

    Args:
        title: of the run.
        loaded: the run.
    """
    rows = {**_rows(loaded), **_numbers(loaded.run.read_results())}
    return html_card(title, [("", rows)], picture=loaded.run.pictures / "reconstructions.png")


def _rows(loaded: LoadedRun) -> dict[str, str]:
    model, spec = loaded.config.model, loaded.spec
    shape, blocks = " x ".join(map(str, spec.event_shape)), " + ".join(block.kind for block in model.latents)
    parts = f"{model.network.kind}, {blocks}, {model.likelihood.kind}; {loaded.vae.latent.size} numbers a code"
    return {"data": f"{spec.name}: {spec.noun}, {shape}; {spec.num_train:,} to train on", "model": parts}


def _numbers(results: Mapping[str, Any] | None) -> dict[str, str]:
    if results is None:
        return {"test split": "not measured"}
    rows, count = {}, results["num_examples"]
    for name, label in (("negative_elbo", "negative ELBO"), ("nll", "NLL")):
        if results[name] is not None:
            rows[f"test {label}"] = f"{with_error(results[name], results[f'{name}_stderr'], count)} nats, {count:,} examples"
    return {**rows, "training": results["curve"]["text"]} if "curve" in results else rows  # older runs have none
