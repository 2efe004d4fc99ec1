"""Entry point: `python -m vae_tf COMMAND --help`."""

from vae_tf.cli import main

if __name__ == "__main__":
    main()
