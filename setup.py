"""What pyproject.toml cannot say: the search spaces of `tuning/` are installed inside the package."""

from setuptools import find_namespace_packages, setup

setup(
    packages=[*find_namespace_packages(include=["vae_tf*"]), "vae_tf.tuning.spaces"],
    package_dir={"vae_tf.tuning.spaces": "tuning"},
)
