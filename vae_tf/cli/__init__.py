"""The command line: one module a command, each parses, calls, prints. Nothing here imports TensorFlow at import time."""

from vae_tf.cli.app import main

__all__ = ["main"]
