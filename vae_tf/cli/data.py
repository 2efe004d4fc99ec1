"""`run.py data`: what a training would read, without training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vae_tf.cli.common import (
    ConfigOption,
    ConfigSource,
    DataDirOption,
    JsonOption,
    PresetOption,
    SetOption,
    check_suffix,
    console,
    emit,
    print_lines,
    quiet_tensorflow,
)
from vae_tf.program import command_line

if TYPE_CHECKING:
    from vae_tf.config import RunConfig
    from vae_tf.data.account import Account
    from vae_tf.data.pipeline import Dataset
    from vae_tf.parts.choices import Choice

__all__ = ["data"]

_DatasetArgument = Annotated[
    str | None,
    typer.Argument(metavar="DATASET", help="As --dataset of train; default: that of --preset or --config, or digits."),
]
_PictureOption = Annotated[
    Path | None, typer.Option("-o", "--output", metavar="FILE.png", help="Draw examples as the model sees them.")
]


def data(  # noqa: PLR0913 - the options of the command line
    dataset: _DatasetArgument = None,
    preset: PresetOption = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    data_dir: DataDirOption = None,
    output: _PictureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a training would read: files, rows and lines used and left out, what is done to them, and their values.

    How many examples each split has, the shape that the model sees, the range of every column or channel, warnings with the
    settings that change them, and what the data decide. Nothing is trained and nothing is written but the picture. E.g.

    `{program} data csv:visits.csv --set data.columns.zip=category -o data.png`
    """
    if output is not None:
        check_suffix(output, ".png")
    given = {"data.dataset": dataset, "data.data_dir": data_dir}
    resolved = ConfigSource(preset, config, given, overrides=overrides).resolve()
    with console.status(f"Reading {resolved.data.dataset}"):
        quiet_tensorflow()
        loaded, account, choices = _read(resolved)
        shows = _draw(loaded, output) if output is not None else None
    chosen = [{"setting": one.path, "chosen": str(one.value), "because": one.because} for one in choices]
    picture = None if output is None else {"path": str(output), "shows": shows}
    emit({**account.as_json(), "chosen": chosen, "picture": picture}, as_json, lambda: _show(account, choices))
    if not as_json and output is None:
        options = {"--preset": preset, "--config": config, "--data-dir": data_dir}
        _offer_picture(dataset, options, overrides or ())
    elif not as_json:
        console.print(shows, soft_wrap=True)
        typer.echo(str(output))


def _offer_picture(dataset: str | None, options: Mapping[str, object], overrides: Sequence[str]) -> None:
    """Say how the same data are drawn."""
    said = [word for name, value in options.items() if value for word in (name, value)]
    said += [word for one in overrides for word in ("--set", one)]
    again = command_line("data", *([dataset] if dataset else []), *said, "-o", "data.png")
    console.print(f"Examples as a picture: {again}", soft_wrap=True)


def _read(config: "RunConfig") -> "tuple[Dataset, Account, list[Choice]]":
    """Load and probe the data as a training does, up to its first step."""
    from vae_tf.data.account import Account
    from vae_tf.data.loading import load_dataset
    from vae_tf.data.probing import probe
    from vae_tf.training.deciding import look_for, plan_run
    from vae_tf.training.trying import told_before

    dataset = load_dataset(config.data)
    planned, choices = plan_run(config, dataset.spec, look=look_for(config.training, dataset))
    choices = told_before(config, choices)
    return dataset, Account.of(dataset, config.data, probe(dataset, planned.model.likelihood.kind, config.data)), choices


def _draw(dataset: "Dataset", output: Path) -> str:
    from vae_tf.evaluation.example_figures import draw_examples
    from vae_tf.evaluation.figures import save_figure

    figure, caption = draw_examples(dataset)
    save_figure(figure, output)
    return caption


def _show(account: "Account", choices: "list[Choice]") -> None:
    from vae_tf.training.accounts import account_lines, choices_table

    print_lines([*account_lines(account), *([choices_table(choices)] if choices else [])])
