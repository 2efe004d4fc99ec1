"""A density fitted to codes: it goes where they are."""

import numpy as np

from vae_tf.evaluation import encode_means, fit_codes


def test_draws_have_the_spread_of_the_codes(make_vae, assert_mean):
    vae = make_vae({"kind": "deterministic", "size": 2})
    x = np.random.default_rng(0).random((400, 4, 4, 1)).astype(np.float32)
    codes = encode_means(vae, x)
    z = fit_codes(vae, x, num_components=3, num=4000, seed=1)
    assert z.shape == (4000, 2)
    assert z.dtype == np.float32
    assert_mean(z, codes.mean(axis=0))
    np.testing.assert_allclose(np.cov(z.T), np.cov(codes.T), atol=0.1 * np.trace(np.cov(codes.T)) + 2e-4)
    np.testing.assert_array_equal(z, fit_codes(vae, x, 3, 4000, 1))
    assert fit_codes(vae, x[:2], 10, 5, 1).shape == (5, 2)
