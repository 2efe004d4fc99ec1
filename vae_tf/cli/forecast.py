"""`run.py forecast`: what follows in a series, in bands, and how good that is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import (
    JsonOption,
    RunArgument,
    SeedOption,
    check_suffix,
    console,
    emit,
    open_data,
    open_run,
    progress,
    tell,
    warn,
)

if TYPE_CHECKING:
    from vae_tf.data.pipeline import Dataset
    from vae_tf.evaluation.forecasting import Forecast, ForecastAccuracy
    from vae_tf.evaluation.obvious import ObviousComparison
    from vae_tf.training.runs import LoadedRun

__all__ = ["forecast"]


def forecast(  # noqa: PLR0913 - the options of the command line
    run: RunArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="FILE.csv: one row a moment.")],
    data: Annotated[
        str | None, typer.Option(help="The series so far, as --dataset of train; default: the end of the run's own.")
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(help="Moments ahead, fewer than data.window; default: a quarter of it.", min=1)
    ] = None,
    num_samples: Annotated[int, typer.Option(help="Draws that are weighed for every window.", min=20)] = 500,
    picture: Annotated[Path | None, typer.Option(help="FILE.png: the end of the series, and what follows in its band.")] = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Forecast what follows in a series, with bands that hold 90 % of the values.

    For runs on rows in time (`data.window`) with a Gaussian code. The last rows are the beginning of a window, and its end is
    drawn from p(end | beginning). How good that is is measured on the run's test split, beside the last value and linear
    regression. In FILE.csv: the moment, and of every channel the mean and where the band begins and ends. Several series
    (`data.series_column`) are each forecast.

    `{program} train --dataset csv:old.csv --set data.window=48`, then `{program} forecast RUN --horizon 12 -o ahead.csv`.
    """
    check_suffix(output, ".csv")
    if picture:
        check_suffix(picture, ".png")
    with console.status("Opening the run"):
        loaded = open_run(run)
    from vae_tf.data.windows import channel_names
    from vae_tf.evaluation.forecasting import Forecaster

    forecaster = Forecaster(loaded.vae, horizon or max(1, loaded.vae.event_shape[0] // 4), num_samples, seed)
    own, examples = _read(loaded, data)
    splits = ("test",) if data is None else ("train", "validation", "test")
    with console.status("Forecasting"):
        found = list(forecaster.follow(examples, splits))
    with progress("Trying it on what was held out", forecaster.num_measured(own)) as advance:
        accuracy = forecaster.measure(own, on_batch=advance)
    names = channel_names(loaded.spec)
    _write(output, names, found)
    if picture:
        from vae_tf.evaluation.figures import save_figure
        from vae_tf.evaluation.forecast_figures import forecast_figure

        save_figure(forecast_figure(found, names), picture)
    result = {"path": str(output), "series": [_described(one) for one in found], **accuracy.to_json()}
    emit(result, as_json, lambda: _show(output, found, accuracy))


def _read(loaded: "LoadedRun", data: str | None) -> "tuple[Dataset, Dataset]":
    """Return the run's own data, and those whose end is forecast."""
    from vae_tf.cli.score import load_like
    from vae_tf.evaluation.anomaly import as_model_inputs

    own = as_model_inputs(loaded.spec, open_data(loaded))
    if data is None:
        return own, own
    examples = load_like(loaded, data)
    for note in examples.notes:
        tell(note)
    return own, examples


def _write(output: Path, names: "Sequence[str]", found: "Sequence[Forecast]") -> None:
    from vae_tf.data.table_text import TextTable, write_texts

    several = any(one.series for one in found)
    header = [*(["series"] if several else []), "moment"]
    header += [f"{name}{side}" for name in names for side in ("", " low", " high")]
    rows = []
    for one in found:
        for ahead, moment in enumerate(one.times):
            bands = zip(one.mean[ahead], one.low[ahead], one.high[ahead], strict=True)
            texts = [f"{value:.6g}" for band in bands for value in band]
            rows.append([*([one.series] if several else []), moment, *texts])
    write_texts(TextTable(header, rows), output)


def _described(one: "Forecast") -> dict[str, Any]:
    return {"name": one.series, "after": one.before_times[-1], "from": one.times[0], "to": one.times[-1], "rough": one.is_rough}


def _show(output: Path, found: "Sequence[Forecast]", accuracy: "ForecastAccuracy") -> None:
    from vae_tf.cli.tables import table
    from vae_tf.evaluation.forecasting import BAND

    first = found[0]
    whose = f"{len(found):,} series" if len(found) > 1 else f"{first.times[0]} to {first.times[-1]}"
    console.print(f"{len(first.times):,} moments ahead: {whose}.", soft_wrap=True, markup=False)
    ours = accuracy.comparisons[0].ours
    rows = [(row.obvious.name, _error(row.obvious.value), _side(row)) for row in accuracy.comparisons]
    own = ("this model", _error(ours), f"{accuracy.coverage:.0%} are in bands of {BAND:.0%}")
    title = f"{accuracy.num_windows:,} ends of windows that it was not trained on"
    console.print(table(title, ["forecast by", "error", "values"], [own, *rows]))
    console.print("Errors are root mean squares, in standard deviations of the training data.", soft_wrap=True)
    for text in _doubts(found, accuracy):
        warn(text)
    typer.echo(str(output))


def _error(square: float) -> str:
    return f"{square**0.5:.3g}"


def _side(row: "ObviousComparison") -> str:
    """Say on which side the model is."""
    if not row.stderr:
        return "no verdict: of one window"
    if not (row.is_ahead or row.is_behind):
        return "the model is level"
    return f"the model is {'ahead' if row.is_ahead else 'behind'} by {abs(row.difference) / row.stderr:.1f} standard errors"


def _doubts(found: "Sequence[Forecast]", accuracy: "ForecastAccuracy") -> list[str]:
    """Return what a reader of the forecast should know."""
    doubts = [
        f"{row.obvious.name} errs less than this model, {_error(row.obvious.value)} beside {_error(row.ours)}: forecast by "
        "that, or train on more."
        for row in accuracy.comparisons
        if row.is_behind
    ]
    if not accuracy.is_covered:
        doubts.append(f"Bands of 90 % hold {accuracy.coverage:.1%} of the values that were held out: they are not right here.")
    left = [one for one in found if one.num_left_out]
    if left:
        of = f" of {left[0].series}" if left[0].series else ""
        doubts.append(
            f"{left[0].num_left_out:,} rows at the end{of} are in no window, for a gap or a break in time: the forecast begins "
            f"after {left[0].before_times[-1]}. data.gaps=interpolate, when training, fills gaps in."
        )
    rough = [one.series or "the series" for one in found if one.is_rough]
    if rough:
        doubts.append(f"Few draws count for {rough[0]} ({len(rough):,} of {len(found):,}): raise --num-samples.")
    return doubts
