"""A density fitted to the codes after training, as a sampler: for autoencoders, and where the prior has holes."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from vae_tf.evaluation.codes import encode_means
from vae_tf.models.vae import VAE

__all__ = ["fit_codes"]


def fit_codes(vae: VAE, x: np.ndarray, num_components: int, num: int, seed: int) -> np.ndarray:
    """Draw z from a mixture of full-covariance Gaussians fitted to posterior means (Ghosh et al. 2020, section 4).

    Args:
        vae: a model with continuous latents.
        x: training examples [N, *event_shape].
        num_components: Gaussians in the mixture; 10 in the paper.
        num: draws.
        seed: of the fit and the draws.

    Returns:
        float32 [num, latent.size].
    """
    codes = encode_means(vae, x).astype(np.float64)  # in single precision the covariances are no longer symmetric
    mixture = GaussianMixture(min(num_components, len(x)), random_state=seed, reg_covar=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of a collapsed latent: fewer clusters are as good
        mixture.fit(codes)
    z, _ = mixture.sample(num)
    return np.random.default_rng(seed).permutation(z).astype(np.float32)
