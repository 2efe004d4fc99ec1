"""`run.py show`: a run's configuration and model."""

import typer

from vae_tf.cli.common import JsonOption, RunArgument, emit, open_run

__all__ = ["show"]


def show(run: RunArgument, as_json: JsonOption = False) -> None:
    """Print the resolved configuration and the layers with their parameters."""
    loaded = open_run(run)
    from vae_tf.config_sources import dump_yaml
    from vae_tf.training.tensorboard import describe_model

    vae = loaded.vae
    parameters = {part.name: part.count_params() for part in (vae.encoder, vae.latent, vae.decoder, vae.likelihood)}
    result = {
        "run": run,
        "config": loaded.config.model_dump(mode="json"),
        "dataset": loaded.spec.model_dump(mode="json"),
        "parameters": parameters,
        "best_epoch": loaded.state.best_epoch,
        "epochs": loaded.state.epoch,
        "results": loaded.run.read_results(),
    }
    emit(result, as_json, lambda: typer.echo(f"{dump_yaml(loaded.config)}\n{describe_model(vae)}"))
