"""`run.py runs`: what has been trained, with its numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vae_tf.cli.common import JsonOption, console, emit
from vae_tf.errors import UserError
from vae_tf.escaping import visible
from vae_tf.failures import outside_failure
from vae_tf.program import command_line

if TYPE_CHECKING:
    from vae_tf.artifacts import RunDirectory

__all__ = ["runs"]


def runs(folder: Annotated[Path, typer.Option(help="Where the runs are.")] = Path("runs"), as_json: JsonOption = False) -> None:
    """List runs, oldest first, with their test numbers in nats an example."""
    from vae_tf.artifacts import list_runs

    rows = [_row(run) for run in list_runs(folder)]
    emit({"runs": rows}, as_json, lambda: _show(rows, folder))


def _row(run: "RunDirectory") -> dict[str, Any]:
    """Summarise one run; a damaged one is listed with what is wrong."""
    try:
        config, results, records = run.read_config(with_parts=False), run.read_results() or {}, run.read_metrics()
    except (UserError, OSError) as error:
        return {"run": str(run.path), "error": str(outside_failure(error))}
    return {
        "run": str(run.path),
        "dataset": config.data.dataset,
        "latent": "+".join(map(_block_name, config.model.latents)),
        "epochs": records[-1]["epoch"] if records else 0,
        "finished": bool(results),
        **{key: results.get(key) for key in ("negative_elbo", "nll", "nll_stderr", "kl")},
    }


def _block_name(block: Any) -> str:
    """Return the name of a block as it is written in a configuration."""
    return str(block.get("name") or block.get("kind")) if isinstance(block, dict) else str(block)


def _show(rows: list[dict[str, Any]], folder: Path) -> None:
    if not rows:
        told = f"There are no runs in {folder}. Make one with: {command_line('train')}"
        console.print(told, soft_wrap=True)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("run", "dataset", "latent", "epochs", "negative ELBO", "NLL", "KL")
    for row in rows:
        numbers = [f"{row[key]:.2f}" if row.get(key) is not None else "-" for key in ("negative_elbo", "nll", "kl")]
        if "error" in row:
            table.add_row(row["run"], Text(visible(row["error"]), style="red"))
        else:
            table.add_row(row["run"], row["dataset"], row["latent"], str(row["epochs"]), *numbers)
    console.print(table)
