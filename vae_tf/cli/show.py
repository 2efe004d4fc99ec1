"""`run.py show`: a run's configuration, data and model; a search's settings and trials."""

import typer

from vae_tf.cli.common import JsonOption, RunArgument, emit, open_run, print_lines, quiet_tensorflow
from vae_tf.cli.search_results import tell_search

__all__ = ["show"]


def show(run: RunArgument, as_json: JsonOption = False) -> None:
    """Print the resolved configuration, what the data were and what was done to them, and the layers with their parameters.

    Of a search (`{program} tune`): its settings, the trials that succeeded, and why others failed.
    """
    from vae_tf.tuning.search import SearchDirectory

    if SearchDirectory.is_search(run):
        quiet_tensorflow()
        tell_search(run, as_json)
        return
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
