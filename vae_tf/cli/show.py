"""`run.py show`: a run's configuration, data and model."""

import typer

from vae_tf.cli.common import JsonOption, RunArgument, emit, open_run, print_lines

__all__ = ["show"]


def show(run: RunArgument, as_json: JsonOption = False) -> None:
    """Print the resolved configuration, what the data were and what was done to them, and the layers with their parameters."""
    loaded = open_run(run)
    from vae_tf.config_sources import dump_yaml
    from vae_tf.data.account import Account
    from vae_tf.training.accounts import account_lines
    from vae_tf.training.tensorboard import describe_model

    account = Account.read(loaded.run.notes_file)
    vae = loaded.vae
    parameters = {part.name: part.count_params() for part in (vae.encoder, vae.latent, vae.decoder, vae.likelihood)}
    result = {
        "run": run,
        "config": loaded.config.model_dump(mode="json"),
        "dataset": loaded.spec.model_dump(mode="json"),
        "data": account and account.as_json(),
        "parameters": parameters,
        "best_epoch": loaded.state.best_epoch,
        "epochs": loaded.state.epoch,
        "results": loaded.run.read_results(),
    }

    def tell() -> None:
        typer.echo(dump_yaml(loaded.config))
        print_lines(account_lines(account) if account else ())
        typer.echo(describe_model(vae))

    emit(result, as_json, tell)
