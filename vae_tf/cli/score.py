"""`run.py score`: how unlikely every example is under a run's model."""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.bulk import BeamOptions, EngineOption, RunnerOption, check_options, run_bulk
from vae_tf.cli.common import (
    DataDirOption,
    JsonOption,
    LimitOption,
    NumSamplesOption,
    RunArgument,
    check_suffix,
    console,
    emit,
    open_data,
    open_run,
    own_config,
    progress,
    tell,
)

if TYPE_CHECKING:
    from vae_tf.config import DataConfig
    from vae_tf.data.pipeline import Dataset
    from vae_tf.data.spec import DatasetSpec
    from vae_tf.evaluation.anomaly import Detection, Scores
    from vae_tf.training.runs import LoadedRun

__all__ = ["load_as", "load_like", "score"]

_BATCH = 500
_SPLITS = ("train", "validation", "test")
_NUM_LISTED = 20


_AnomaliesOption = Annotated[
    str | None, typer.Option(metavar="LABELS", help="Labels that are anomalies; default: those not in data.classes.")
]


def score(  # noqa: PLR0913, PLR0917 - the options of the command line
    context: typer.Context,
    run: RunArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.csv: one row an example; with --engine a folder.")],
    data: Annotated[str | None, typer.Option(help="What to score: as --dataset of train; default: the run's data.")] = None,
    data_dir: DataDirOption = None,
    label_column: Annotated[str | None, typer.Option(help="The label's column in a csv file.")] = None,
    split: Annotated[str | None, typer.Option(help="train, validation, test or all; default: test, or all of --data.")] = None,
    anomalies: _AnomaliesOption = None,
    num_samples: NumSamplesOption = 100,
    limit: LimitOption = None,
    picture: Annotated[Path | None, typer.Option(help="FILE.png: the scores' distribution and the oddest examples.")] = None,
    engine: EngineOption = None,
    runner: RunnerOption = "DirectRunner",
    beam_options: BeamOptions = None,
    as_json: JsonOption = False,
) -> None:
    """Score every example by its negative ELBO and importance-weighted NLL, in nats; high means unusual.

    Where labels say which examples are anomalies, prints ROC AUC and average precision. To train on some classes and score
    the others: `{program} train --set 'data.classes=[0,1,2]'`, then `{program} score RUN -o scores.csv`.

    Data larger than a machine: `{program} score saved_models/NAME --engine beam --data 'images/*.png' -o scores`.
    """
    check_options(context, engine)
    if engine is not None:
        run_bulk(engine, "score", run, data, output, runner=runner, options=beam_options, as_json=as_json)
        return
    check_suffix(output, ".csv")
    if picture:
        check_suffix(picture, ".png")
    _score(run, _Wanted(data, data_dir, label_column, split, anomalies, limit), num_samples, _Files(output, picture), as_json)


@dataclass(frozen=True)
class _Wanted:
    """What is to be scored, and which of it are anomalies; None where nothing is said."""

    data: str | None
    data_dir: Path | None
    label_column: str | None
    split: str | None
    anomalies: str | None
    limit: int | None


@dataclass(frozen=True)
class _Files:
    """What is written: the table, and a picture if one is wanted."""

    output: Path
    picture: Path | None


def _score(run: str, wanted: _Wanted, num_samples: int, files: _Files, as_json: bool) -> None:
    """Score the examples, write what is asked for, and report."""
    with console.status("Opening the run"):
        loaded = open_run(run)
        examples = _limited(_load(loaded, wanted), wanted.limit)
    for note in examples.notes if wanted.data is not None else ():
        tell(note)
    from vae_tf.evaluation.anomaly import measure_detection, score_examples

    splits = _splits(examples, wanted.split, own=wanted.data is None)
    total = sum(examples.split(name).num_examples for name in splits)
    is_anomaly = _anomalous(loaded, examples, wanted.anomalies)
    with progress("Scoring", total) as advance:
        scores = score_examples(loaded.vae, examples, splits, num_samples, loaded.config.seed, advance)
    truth = is_anomaly(scores.labels) if is_anomaly else None
    detections = measure_detection(scores, truth) if truth is not None and {0.0, 1.0} <= set(truth.tolist()) else ()
    _write(files.output, examples, scores, truth, _is_divided(examples, own=wanted.data is None))
    if files.picture:
        _draw(files.picture, examples, scores, truth)
    told = [] if detections else [_no_detection(scores, truth, examples, splits)]
    _report(scores, detections, files.output, told, as_json)


def _no_detection(scores: "Scores", truth: Any, examples: "Dataset", splits: list[str]) -> str:
    """Say why there is no ROC AUC, and what would give one."""
    import numpy as np

    from vae_tf.data.splits import NO_LABEL
    from vae_tf.evaluation.projector import label_texts

    labels = sorted({*map(int, scores.labels)} - {NO_LABEL})
    if not labels:
        return "No ROC AUC: the scored examples have no labels to tell anomalies by."
    names = label_texts(examples.spec, np.array(labels))
    listed = ", ".join(names[:_NUM_LISTED]) + (", ..." if len(names) > _NUM_LISTED else "")
    others = "" if len(splits) > 1 else f" of the split {splits[0]}"
    if len(labels) == 1:
        return f"No ROC AUC: all labelled examples{others} are {listed}. It takes anomalies and normal examples."
    if truth is None:
        return f"No ROC AUC: --anomalies says which labels are anomalies. Labels{others}: {listed}."
    kind = "all" if 1.0 in truth else "none"
    told = f"{kind} of the labelled examples{others} are anomalies. Their labels: {listed}"
    return f"No ROC AUC: {told}. Choose other --anomalies."


def load_like(loaded: "LoadedRun", data: str) -> "Dataset":
    """Load other data as a run's own are read, all of them in their own order: what is not divided is the split `train`."""
    return load_as(loaded.config.data, loaded.spec, data)


def _load(loaded: "LoadedRun", wanted: _Wanted) -> "Dataset":
    """Load what is to be scored, described as the model wants it."""
    from vae_tf.evaluation.anomaly import as_model_inputs

    if wanted.data is None:
        return as_model_inputs(loaded.spec, _own_of_all_classes(loaded))
    return load_as(loaded.config.data, loaded.spec, wanted.data, wanted.data_dir, wanted.label_column)


def load_as(
    own: "DataConfig", spec: "DatasetSpec", data: str, data_dir: Path | None = None, label_column: str | None = None
) -> "Dataset":
    """Load other data as a model's own were read, described as the model wants them."""
    from vae_tf.data import load_examples
    from vae_tf.evaluation.anomaly import as_model_inputs

    data = _full_name(spec, data)
    update = {
        "dataset": data,
        "data_dir": str(data_dir) if data_dir else own.data_dir,
        "label_column": label_column if data.startswith(("csv:", "sparse:")) else None,
        "label_bins": None,
        "columns": None,
        **({} if data.startswith("csv:") else {"sheet": None, "missing": (), "rare": type(own).model_fields["rare"].default}),
        "time_column": own.time_column if data.startswith("csv:") else None,
        "series_column": own.series_column if data.startswith("csv:") else None,
        "gaps": own.gaps if data.startswith(("csv:", "npz:")) else type(own).model_fields["gaps"].default,
        "group": own.group if data.startswith(("csv:", "npz:")) else None,
        "text_field": own.text_field if any(suffix in data for suffix in (".jsonl", ".ndjson")) else None,
        "copies": "together",
        "splits": None,
        "classes": None,
        "limit": None,
        "binarization": "none",
        **_pictures(own, spec, data),
    }
    return as_model_inputs(spec, load_examples(own.model_copy(update=update), spec))


def _own_of_all_classes(loaded: "LoadedRun") -> "Dataset":
    """Load a run's own data, and those of the classes that it was not trained on."""
    from vae_tf.data import load_dataset

    found, config = open_data(loaded), own_config(loaded.config)
    if config.data.classes is None:
        return found
    return load_dataset(config.data.model_copy(update={"classes": None}), loaded.spec)


def _full_name(spec: "DatasetSpec", data: str) -> str:
    """Return the name of other data with its source: for a run on a table every file is one, whatever its suffix."""
    from vae_tf.config import full_name

    is_file = spec.is_table and ":" not in data and bool(Path(data).suffix)
    return f"csv:{data}" if is_file and full_name(data) == data else full_name(data)


def _pictures(own: "DataConfig", spec: "DatasetSpec", data: str) -> dict[str, Any]:
    """Return the settings by which pictures are read as the run's own were; nothing of them where there are none."""
    from vae_tf.data.loading import OF_PICTURES, source_of

    heeds, fields = source_of(data).heeds, type(own).model_fields
    kept = {name: getattr(own, name) if name in heeds else fields[name].default for name in OF_PICTURES}
    skips = {"unreadable": "skip"} if "unreadable" in heeds else {}
    is_sized = "resize" in heeds and bool(own.resize) and spec.is_image
    return {**kept, "suffixes": None, **skips, "resize": spec.event_shape[:2] if is_sized else None}


def _limited(examples: "Dataset", limit: int | None) -> "Dataset":
    taken = {name: split.take(limit or split.num_examples) for name, split in examples.splits.items()}
    return replace(examples, splits=taken)


def _splits(examples: "Dataset", split: str | None, own: bool) -> list[str]:
    """Return the splits to score: by default the test split of the run's own data, and all of other data."""
    chosen = split or ("test" if own else "all")
    if chosen != "all":
        examples.split(chosen)
        return [chosen]
    return list(_SPLITS)


def _anomalous(loaded: "LoadedRun", examples: "Dataset", anomalies: str | None) -> Any:
    """Return the function from labels to 1 (anomaly), 0 (normal) or NaN (no label); None where nothing is known."""
    import numpy as np

    from vae_tf.data.loading import class_ids
    from vae_tf.data.splits import NO_LABEL

    normal = loaded.config.data.classes
    if anomalies is not None:
        named, inside = class_ids(examples.spec, [name.strip() for name in anomalies.split(",")], "--anomalies"), 1.0
    elif normal is not None:
        known = [name for name in normal if name in examples.spec.label_names or not examples.spec.label_names]
        named, inside = class_ids(examples.spec, known, "data.classes"), 0.0
    else:
        return None
    return lambda labels: np.where(labels == NO_LABEL, np.nan, np.where(np.isin(labels, named), inside, 1.0 - inside))


def _is_divided(examples: "Dataset", own: bool) -> bool:
    """Return whether the splits are splits: a file that is not divided is loaded as if all of it were one of training."""
    return own or sum(split.num_examples > 0 for split in examples.splits.values()) > 1


def _write(output: Path, examples: "Dataset", scores: "Scores", truth: Any, is_divided: bool) -> None:
    from vae_tf.data.table_text import TextTable, write_texts
    from vae_tf.evaluation.projector import label_texts

    columns: dict[str, Any] = {"split": scores.splits if is_divided else [""] * len(scores.rows), "row": scores.rows}
    if scores.names:
        columns["window" if examples.spec.is_series else "file"] = scores.names
    columns |= _texts(examples, list(dict.fromkeys(scores.splits)))
    columns["label"] = ["" if text == "-" else text for text in label_texts(examples.spec, scores.labels)]
    if truth is not None:
        columns["is_anomaly"] = ["" if math.isnan(value) else int(value) for value in truth]
    columns |= {name: [f"{value:.6g}" for value in values] for name, values in scores.columns.items()}
    write_texts(TextTable([*columns], [list(row) for row in zip(*columns.values(), strict=True)]), output)


def _texts(examples: "Dataset", splits: list[str]) -> dict[str, list[str]]:
    """Return the texts of some splits as a column, as the model read them; nothing of other data."""
    from vae_tf.data.examples import text_column
    from vae_tf.data.pipeline import eval_batches

    batches = (batch for split in splits for batch in eval_batches(examples, split, _BATCH).as_numpy_iterator())
    parts = [text_column(examples.spec, x) for x, _ in batches] if examples.spec.is_text else []
    return {name: [text for part in parts for text in part[name]] for name in (parts[0] if parts else ())}


def _draw(picture: Path, examples: "Dataset", scores: "Scores", truth: Any) -> None:
    """Draw the distribution of the scores, and the oddest examples."""
    import numpy as np

    from vae_tf.data.pipeline import eval_batches
    from vae_tf.evaluation.figures import save_figure, score_figure
    from vae_tf.evaluation.pictures import grid_pixels

    values = scores.columns.get("nll", scores.columns["negative_elbo"])
    order = np.argsort(-values)[:16]
    places = {(scores.splits[row], int(scores.rows[row])): rank for rank, row in enumerate(order)}
    odd: dict[int, Any] = {}
    for split in dict.fromkeys(scores.splits):
        for batch, (x, _) in enumerate(eval_batches(examples, split, _BATCH).as_numpy_iterator()):
            rows = {(split, batch * _BATCH + row): row for row in range(len(x))}
            odd |= {places[place]: x[rows[place]] for place in rows.keys() & places.keys()}
    grid = np.stack([odd[rank] for rank in sorted(odd)])[np.newaxis]
    save_figure(score_figure(values, truth, grid_pixels(examples.spec, grid)), picture)


def _report(scores: "Scores", detections: "tuple[Detection, ...]", output: Path, told: list[str], as_json: bool) -> None:
    means = {name: float(values.mean()) for name, values in scores.columns.items()}
    result = {"path": str(output), "num_examples": len(scores.labels), "mean": means}
    emit({**result, "detection": [asdict(one) for one in detections]}, as_json, lambda: _show(means, detections, output, told))


def _show(means: dict[str, float], detections: "tuple[Detection, ...]", output: Path, told: list[str]) -> None:
    from vae_tf.cli.tables import table
    from vae_tf.evaluation.uncertainty import with_error

    console.print(table("Mean scores", ["score", "nats"], [(name, f"{value:.3f}") for name, value in means.items()]))
    if detections:
        header = ["score", "ROC AUC", "average precision"]
        rows = [
            (
                one.score,
                with_error(one.roc_auc, one.roc_auc_stderr, min(one.num_anomalies, one.num_normal), 4),
                with_error(one.average_precision, one.average_precision_stderr, min(one.num_anomalies, one.num_normal), 4),
            )
            for one in detections
        ]
        first = detections[0]
        title = f"Finding {first.num_anomalies:,} anomalies among {first.num_anomalies + first.num_normal:,} examples"
        console.print(table(title, header, rows))
    for line in told:
        console.print(line, soft_wrap=True)
    typer.echo(str(output))
