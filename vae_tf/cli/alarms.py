"""`run.py alarms`: when a series was not as the model knows it."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import JsonOption, RunArgument, check_suffix, console, emit, open_data, open_run, progress, tell, warn

if TYPE_CHECKING:
    from vae_tf.data.spec import DatasetSpec
    from vae_tf.evaluation.alarms import Alarm, MomentScores

__all__ = ["alarms"]

_MOST_LISTED = 15


def alarms(
    run: RunArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.csv: one row a moment.")],
    data: Annotated[str | None, typer.Option(help="The series, as --dataset of train; default: the run's test split.")] = None,
    rate: Annotated[
        float, typer.Option(help="Share of ordinary moments that may be called alarms.", min=1e-6, max=0.5)
    ] = 0.001,
    picture: Annotated[Path | None, typer.Option(help="FILE.png: the series, what was expected, and the alarms.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Find the moments of a series that are not as the model knows it.

    For runs on rows in time (`data.window`). A moment's score is the negative ELBO, in nats, of the least odd window that holds
    it; the threshold is what no more than a share --rate of the run's own validation split has more than. In FILE.csv: the
    moment, its values, its nats, whether it is an alarm, and what was expected where it is.

    `{program} train --dataset csv:old.csv --set data.window=48`, then `{program} alarms RUN --data csv:new.csv -o alarms.csv`.
    """
    check_suffix(output, ".csv")
    if picture:
        check_suffix(picture, ".png")
    with console.status("Opening the run"):
        loaded = open_run(run)
    from vae_tf.cli.score import load_like
    from vae_tf.evaluation.alarms import expect, find_alarms, score_moments, threshold_of
    from vae_tf.evaluation.anomaly import as_model_inputs

    own = as_model_inputs(loaded.spec, open_data(loaded))
    examples, splits = (own, ["test"]) if data is None else (load_like(loaded, data), ["train", "validation", "test"])
    for note in examples.notes if data is not None else ():
        tell(note)
    num_windows = own.split("validation").num_examples + sum(examples.split(name).num_examples for name in splits)
    with progress("Scoring", num_windows) as advance:
        normal = score_moments(loaded.vae, own, ["validation"], advance)
        scores = score_moments(loaded.vae, examples, splits, advance)
    threshold, count = threshold_of(normal, rate), int(normal.known.sum())
    if count * rate < 1.0:
        told = f"--rate {rate:g} takes {1 / rate:,.0f} ordinary moments to see; the validation split has {count:,}"
        warn(f"{told}: the threshold is the highest of them. --rate {math.ceil(1e4 / count) / 1e4:g} is what they can tell.")
    found = expect(loaded.vae, loaded.spec, scores, list(find_alarms(scores, threshold)))
    _write(output, scores, threshold, found)
    if picture:
        from vae_tf.evaluation.alarm_figures import alarm_figure
        from vae_tf.evaluation.figures import save_figure

        save_figure(alarm_figure(scores, threshold, found), picture)
    result = {
        "path": str(output),
        "num_moments": int(scores.known.sum()),
        "threshold": threshold,
        "num_alarms": int((scores.nats > threshold).sum()),
        "stretches": [_described(scores, alarm, loaded.spec) for alarm in found],
    }
    emit(result, as_json, lambda: _show(result, rate))


def _write(output: Path, scores: "MomentScores", threshold: float, alarms: "Sequence[Alarm]") -> None:
    import numpy as np

    from vae_tf.data.table_text import TextTable, write_texts

    expected = np.full(scores.values.shape, np.nan)
    for alarm in alarms:
        if alarm.expected is not None:
            expected[alarm.first : alarm.last + 1] = alarm.expected
    numbers = np.concatenate([scores.values, scores.nats[:, np.newaxis], expected], axis=1)
    texts = [["" if np.isnan(value) else f"{value:.6g}" for value in row] for row in numbers]
    flags = ["" if np.isnan(value) else int(value > threshold) for value in scores.nats]
    names = ["moment", "is_alarm", *scores.names, "nats", *(f"expected {name}" for name in scores.names)]
    rows = [[moment, flag, *row] for moment, flag, row in zip(scores.times, flags, texts, strict=True)]
    write_texts(TextTable(names, rows), output)


def _described(scores: "MomentScores", alarm: "Alarm", spec: "DatasetSpec") -> dict[str, Any]:
    """Say when a stretch was, how odd, and which channel was furthest from what was expected, in deviations of it."""
    import numpy as np

    told = {
        "from": str(scores.times[alarm.first]),
        "to": str(scores.times[alarm.last]),
        "moments": alarm.last - alarm.first + 1,
        "nats": float(scores.nats[alarm.worst]),
    }
    if alarm.expected is None:
        return {**told, "channel": None, "was": None, "expected": None}
    values = scores.values[alarm.first : alarm.last + 1]
    row, channel = np.unravel_index(np.argmax(np.abs(values - alarm.expected) / np.asarray(spec.scale)), values.shape)
    found = {"was": float(values[row, channel]), "expected": float(alarm.expected[row, channel])}
    return {**told, "channel": scores.names[channel], **found}


def _show(result: dict[str, Any], rate: float) -> None:
    from vae_tf.cli.tables import table

    told = result["stretches"]
    share = f"{result['num_alarms']:,} of {result['num_moments']:,} moments are alarms: above {result['threshold']:.4g} nats"
    console.print(f"{share}; of ordinary ones (the validation split) a share of {rate:g} is.", soft_wrap=True)
    if told:
        listed = sorted(sorted(told, key=lambda one: -one["nats"])[:_MOST_LISTED], key=told.index)
        title = f"{len(told):,} stretches" + (f", the {_MOST_LISTED} with most nats" if len(told) > _MOST_LISTED else "")
        console.print(table(title, ["from", "to", *[*told[0]][3:]], [_cells(one) for one in listed]))
    typer.echo(result["path"])


def _cells(told: dict[str, Any]) -> list[str]:
    """Return what is told of a stretch as a row; a moment by itself has no end of its own."""
    first, last, _, *values = told.values()
    texts = ["-" if value is None else f"{value:.4g}" if isinstance(value, float) else value for value in values]
    return [first, "" if first == last else last, *texts]
