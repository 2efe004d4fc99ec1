"""Run: a training that was done, with everything that can be asked of it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from vae_tf.api.answers import Answers
from vae_tf.api.exchange import Exchange
from vae_tf.api.handed import fill_handed
from vae_tf.api.measured import Measured, run_card
from vae_tf.api.own_data import OwnData
from vae_tf.config import Decoding, RunConfig, read_decoding
from vae_tf.data.frames import is_frame
from vae_tf.data.pipeline import Dataset
from vae_tf.data.spec import DatasetSpec
from vae_tf.data.splits import NO_LABEL, ArraySplit
from vae_tf.errors import UserValueError
from vae_tf.evaluation.anomaly import as_model_inputs, score_examples
from vae_tf.evaluation.asked_rows import ask_rows
from vae_tf.evaluation.assessment import PARTS, AssessmentSettings, Subject, assess, no_progress
from vae_tf.evaluation.filled_tables import Filling
from vae_tf.evaluation.forecasting import Forecast, Forecaster
from vae_tf.evaluation.made_rows import make_examples
from vae_tf.evaluation.report import ReportedRun, render_report
from vae_tf.export.servable import export_run
from vae_tf.files import write_text
from vae_tf.models.vae import VAE
from vae_tf.parts.files import load_parts
from vae_tf.seeding import derive_pair
from vae_tf.training.runs import LoadedRun, load_run

__all__ = ["Run"]


class Run:
    """A run directory with its model: what `vae_tf.train` returns, and `Run.open` finds again.

    Examples go in, and come out, in the data's own units: what is scaled for the model is scaled back. Instead of arrays they
    may be DataFrames (answers are DataFrames too) and, for a model of texts, lists of strings. Labels are for conditional
    models: names or numbers, one for each example or one for all.

    Attributes:
        vae: the Keras model, with the weights of the selected epoch.
        config: the run's configuration.
        spec: what its data are: shape, scaling, names, fingerprint.

    Example:
        >>> import tempfile, vae_tf
        >>> x = np.random.default_rng(0).normal(5, 2, size=(150, 3))
        >>> path = tempfile.mkdtemp() + "/run"
        >>> settings = {"training.epochs": 1, "evaluation.num_samples": 5}
        >>> _ = vae_tf.train(x, latent="gaussian:2", overrides=settings, run_dir=path, quiet=True)
        >>> run = Run.open(path)
        >>> run.encode(x).shape, run.generate(4).shape, sorted(run.score(x[:2]))
        ((150, 2), (4, 3), ['kl', 'negative_elbo', 'nll', 'reconstruction_nll'])
    """

    def __init__(self, loaded: LoadedRun, dataset: Dataset | None = None) -> None:
        self._loaded = loaded
        self._own = OwnData(loaded, dataset)
        self._exchange = Exchange(loaded.vae, loaded.spec)
        self.vae: VAE = loaded.vae
        self.config: RunConfig = loaded.config
        self.spec: DatasetSpec = loaded.spec

    @classmethod
    def open(cls, path: str | Path, parts: str | Path | None = None) -> "Run":
        """Open a run directory; works on finished, interrupted and still running trainings.

        Args:
            path: the run directory.
            parts: a file of your own parts that the run was trained with, or the run itself: its copy is then executed.

        Raises:
            UserFileError: there is no run, or its files are damaged.
            UserValueError: its configuration is not this version's.
        """
        if parts is not None:
            load_parts(parts)
        return cls(load_run(path))

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, data {self.spec.name}, epoch {self._loaded.state.epoch})"

    def _repr_html_(self) -> str:
        return run_card(repr(self), self._loaded)

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._loaded.run.path

    @property
    def results(self) -> dict[str, Any] | None:
        """The numbers on the test split, nats an example; None where training did not end."""
        return self._loaded.run.read_results()

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """Losses, bounds, schedules and speed at every look at validation; of epoch 0 where the start is a model already."""
        return self._loaded.run.read_metrics()

    @cached_property
    def _answers(self) -> Answers:
        return Answers(self.vae, self.spec, self.config.evaluation.batch_size)

    def encode(self, x: Any, labels: Any = None) -> Any:
        """Return the means of q(z|x), [N, size]; of a DataFrame, columns z0, z1, ...

        Raises:
            UserValueError: examples or labels are not such as the model takes.
        """
        given, numbers = self._exchange.labelled(x, labels)
        return self._exchange.give_codes(self._answers.ask("encode", "mean", {"x": given, "label": numbers}), x)

    def decode(self, z: Any, decoding: Any = None, seed: int = 0) -> Any:
        """Return the means of p(x|z) at points [N, size]; of texts the likeliest token after token.

        Args:
            z: the points.
            decoding: of texts, how tokens are chosen, as `generate`; default: the likeliest.
            seed: of the draws of tokens.

        Raises:
            UserValueError: z has another shape, or a setting of `decoding` is wrong or for other data.
        """
        if decoding is not None:
            chosen, pair = self._decoding(decoding), derive_pair(seed, "decode")
            return self._exchange.give(make_examples(self.vae, self.spec, self._exchange.codes(z), pair, chosen), z)
        return self._exchange.give(self._answers.ask("decode", "x", {"z": self._exchange.codes(z)}), z)

    def reconstruct(self, x: Any, labels: Any = None) -> Any:
        """Return the means of p(x|z) at the most probable z of every example.

        Raises:
            UserValueError: examples or labels are not such as the model takes.
        """
        given, numbers = self._exchange.labelled(x, labels)
        return self._exchange.give(self._answers.ask("reconstruct", "reconstruction", {"x": given, "label": numbers}), x)

    def generate(
        self,
        num: int,
        seed: int = 0,
        temperature: float = 1.0,
        labels: Any = None,
        given: Mapping[str, Any] | None = None,
        decoding: Any = None,
    ) -> Any:
        """Return new examples, as the command `generate` does: means of p(x|z) for z drawn from the prior.

        Texts and counts are draws from p(x|z).

        Rows of words, numbers and dates are drawn cell by cell, and are a pyarrow.Table (`.to_pandas()`).

        Args:
            num: how many.
            seed: of the draws.
            temperature: below 1, draws keep to the more probable part of the prior.
            labels: of a conditional model; default: any.
            given: of rows, cells that all of them have, by column: {"species": "Adelie"}.
            decoding: of texts, how tokens are chosen, as `--decoding`: "top_p=0.9,no_repeat=8", or a mapping.

        Raises:
            UserValueError: a number is out of range, the model takes no such labels, or has no such cells.
        """
        if num < 1 or temperature <= 0 or (given and (temperature != 1.0 or labels is not None)):
            rule = "num >= 1 and temperature > 0; labels and temperature do not go with given"
            raise UserValueError(f"generate needs {rule}. Received: {num} and {temperature}.")
        chosen, pair = self._decoding(decoding), derive_pair(seed, "generate")
        z = self.vae.draw(num, pair, temperature, self._exchange.labels(labels, num))
        if given or self.spec.columns:
            return self._exchange.give_rows(ask_rows(self.vae, self.spec, z, given or {}, pair))
        return self._exchange.give(self.spec.to_raw(make_examples(self.vae, self.spec, z, pair, chosen)))

    def impute(self, data: Any, num_draws: int = 0, spread: bool = False, num_samples: int = 200, seed: int = 0) -> Any:
        """Return a table or a series with its gaps filled in, as the command `impute` does; every other cell is what it was.

        Args:
            data: a DataFrame, a pyarrow.Table, a mapping of columns, or a file, with the columns of the training data.
            num_draws: so many tables of draws, each of all gaps together, and not one of best guesses.
            spread: add columns NAME_spread: standard deviations, of words probabilities; nothing where a cell was there.
            num_samples: draws that are weighed for every row.
            seed: of the draws.

        Returns:
            What was given, of the same kind and types; of a file a pyarrow.Table; of draws a list of such.

        Raises:
            UserValueError: the run is neither on a table with words or gaps nor on windows, or the table is unfit.
            UserFileError: there is no such file.
        """
        filled = fill_handed(self._loaded, data, Filling(num_draws, spread, num_samples), seed)
        return filled if num_draws else filled[0]

    def forecast(
        self, horizon: int, before: Any = None, data: Any = None, num_samples: int = 500, seed: int = 0
    ) -> list[Forecast]:
        """Return what follows in a series, in bands that hold 90 % of the values, as the command `forecast` does.

        Args:
            horizon: moments ahead, fewer than the run's windows have.
            before: what was so far, rows in time [T, C] or a DataFrame; default: the end of the run's own series, each.
            data: as `evaluate`, where nothing is given.
            num_samples: draws that are weighed for every window.
            seed: of the draws.

        Returns:
            A forecast a series: `times`, `mean`, `low`, `high`, and what it stands on.

        Raises:
            UserValueError: the run is not on windows, or has no Gaussian code, or rows or horizon do not fit.
            UserFileError: the data are not where they were.
        """
        forecaster = Forecaster(self.vae, horizon, num_samples, seed)
        if before is None:
            return list(forecaster.follow(as_model_inputs(self.spec, self._own.get(data)), ("test",)))
        rows = (
            np.stack([np.asarray(before[name], np.float64) for name in self.spec.feature_names], 1)
            if is_frame(before)
            else before
        )
        return [forecaster.follow_rows(self.spec, np.asarray(rows, np.float64))]

    def interpolate(self, start: Any, stop: Any, num_steps: int = 10, labels: tuple[Any, Any] = (None, None)) -> Any:
        """Return what is on straight ways through the latent space between examples, their ends among it.

        Args:
            start: one example, or N.
            stop: as many.
            num_steps: points of a way.
            labels: of a conditional model: those of the starts and those of the stops.

        Returns:
            [num_steps, *event_shape] between two examples; else [N, num_steps, *event_shape], or in a list (of texts) or a
            DataFrame N * num_steps rows, way after way.

        Raises:
            UserValueError: there are not as many starts as stops, or they are not such as the model takes.
        """
        single = self._exchange.is_single(start) and self._exchange.is_single(stop)
        ends = [self._exchange.examples([end] if single else end) for end in (start, stop)]
        count = len(ends[0])
        if len(ends[1]) != count or num_steps < 2:
            raise UserValueError(
                f"interpolate needs as many stops as starts, and num_steps >= 2. "
                f"Received: {count}, {len(ends[1])} and {num_steps}."
            )
        numbers = [self._exchange.labels(given, count) for given in labels]
        inputs = {"start": ends[0], "stop": ends[1], "start_label": numbers[0], "stop_label": numbers[1]}
        rows = {name: np.repeat(value, num_steps, axis=0) for name, value in inputs.items() if value is not None}
        fractions = np.tile(np.linspace(0.0, 1.0, num_steps), count)
        ways = self._exchange.give(self._answers.ask("interpolate", "x", {**rows, "fraction": fractions}), start)
        return (
            ways.reshape(count, num_steps, *self.spec.event_shape)[0 if single else ...]
            if isinstance(ways, np.ndarray)
            else ways
        )

    def score(self, x: Any, num_samples: int = 100, seed: int = 0, labels: Any = None) -> Any:
        """Return how unlikely every example is, as the command `score` does, in nats: high means unusual.

        All but `nll` is what a servable of the model gives: it depends on the example alone.

        Args:
            x: the examples.
            num_samples: importance samples an example, of the NLL.
            seed: of the NLL's draws; the command's is the run's own, `config.seed`.
            labels: of a conditional model.

        Returns:
            `negative_elbo`, `nll` (not of an autoencoder), `reconstruction_nll` and `kl`, [N] each.

        Raises:
            UserValueError: examples or labels are not such as the model takes.
        """
        given, numbers = self._exchange.labelled(x, labels)
        split = ArraySplit(given, np.full(len(given), NO_LABEL) if numbers is None else numbers)
        spec = self.spec.model_copy(update={"binarization": "threshold" if self.spec.is_binary else "none"})  # as if served
        scores = score_examples(self.vae, Dataset(spec, {"train": split}), ["train"], num_samples, seed)
        return self._exchange.give_columns(scores.columns, x)

    def evaluate(
        self,
        split: str = "test",
        data: Any = None,
        num_samples: int = 500,
        limit: int | None = None,
        parts: Sequence[str] = PARTS,
    ) -> dict[str, Any]:
        """Measure the model on its own data, and say what the numbers mean, as the command `evaluate --json` does.

        Args:
            split: `train`, `validation` or `test`.
            data: what the run was trained on, where that was given in memory and the run was opened again; or the path where
                its files are now.
            num_samples: importance samples an example.
            limit: only the first so many examples.
            parts: among bounds, obvious, latent, representation, disentanglement, generation; bounds are always measured.

        Raises:
            UserValueError: the data are missing or not those of the training, or a setting is wrong.
            UserFileError: the data are not where they were.
        """
        settings = AssessmentSettings(split, num_samples, limit, parts=tuple(parts))
        return Measured(self.path.resolve().name, assess(self._subject(data), settings))

    def report(
        self,
        output: str | Path = "report.html",
        split: str = "test",
        data: Any = None,
        num_samples: int = 500,
        limit: int | None = 1000,
    ) -> Path:
        """Write the report of the command `report`, one HTML page that holds everything in itself, and return its path.

        Args:
            output: the file.
            split: `train`, `validation` or `test`.
            data: as `evaluate`.
            num_samples: importance samples an example.
            limit: only the first so many examples.

        Raises:
            UserValueError: as `evaluate`.
            UserFileError: as `evaluate`, or the page cannot be written.
        """
        reported = ReportedRun(self._subject(data), self._loaded.run, self.config)
        write_text(output, render_report([reported], AssessmentSettings(split, num_samples, limit), no_progress))
        return Path(output)

    def export(
        self, output: str | Path = "saved_models", name: str | None = None, check: bool = True, keep: int | None = None
    ) -> Path:
        """Write a SavedModel as the command `export` does, and return the folder of the version.

        Args:
            output: the folder of all servables.
            name: the servable's name; default: that of the data.
            check: run every signature in a process of its own, and compare, before the version appears.
            keep: remove all but the newest versions.

        Raises:
            UserValueError: the name is not fit for a URL.
            UserFileError: the folder cannot be written.
            ServableMismatchError: the check failed; nothing was written.
        """
        return export_run(self._loaded, output, name, check, keep).path

    def push(
        self,
        place: str,
        licence: str,
        name: str | None = None,
        public: bool = False,
        pictures: bool = True,
        servable: bool = True,
    ) -> str:
        """Give the run to others, as the command `push` does, and return where it is.

        Args:
            place: `hf://USER/NAME`, a new folder, or a URL that fsspec opens.
            licence: for others' use, as the Hub names it; `none`: all rights stay yours.
            name: of the model; default: the last part of the place.
            public: whether everybody may see it: a new repository is private.
            pictures: whether pictures go along, on which are examples of the data.
            servable: whether a SavedModel goes along.

        Raises:
            UserValueError: a name is wrong, or a package is missing.
            UserFileError: the place is taken, or there is no right to it; or the training has not ended.
            LostPlaceError: the place does not answer.
        """
        from vae_tf.hub import Parcel, prepare_push, push_run

        parcel = Parcel(licence, name or "", pictures, servable)
        return push_run(self._loaded, *prepare_push(self._loaded.run, place, parcel, public), public).sent.where

    @classmethod
    def pull(cls, place: str, output: str | Path | None = None, parts: bool = False) -> "Run":
        """Take a run that was pushed, as the command `pull` does, and open it. Nothing of it is executed unasked.

        Args:
            place: `hf://USER/NAME`, `hf://USER/NAME@REVISION`, a folder, or a URL that fsspec opens.
            output: a new folder; default: `runs/NAME-STATE`, where it is pulled once.
            parts: whether to execute the code of its own that it was trained with, if there is some: look at it first.

        Raises:
            UserValueError: there is code of its own, and `parts` is not said; or a package is missing.
            UserFileError: there is no push, or no right to see it.
            DamagedFileError: what is there is not what was pushed, or more than a push may be.
            LostPlaceError: the place does not answer.
        """
        from vae_tf.hub import open_place, pull_run

        pulled = pull_run(open_place(place), output)
        return cls.open(pulled.path, pulled.path if parts and pulled.code else None)

    def _decoding(self, given: Any) -> Decoding:
        """Return how tokens are to be chosen."""
        if given is not None and not self.spec.is_text:
            raise UserValueError(f"decoding is for texts. Received: {given!r}, for a model of {self.spec.noun}.")
        return read_decoding(given)

    def _subject(self, data: Any) -> Subject:
        return Subject(self.path.resolve().name, self.vae, self._own.get(data), self.config.seed, self.metrics)
