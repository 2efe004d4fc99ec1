"""A density fitted to codes: it goes where they are."""

import warnings

import numpy as np
import pytest

from vae_tf.evaluation import encode_means, ex_post, fit_codes


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


NORMAL = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
CODES = {
    "spread": NORMAL,
    "large": 1e3 * NORMAL,
    "all but one axis collapsed": NORMAL * np.float32([1.0, *[1e-6] * 7]),
    "collapsed": np.zeros((500, 8), np.float32),
    "few": NORMAL[:3],
}


@pytest.mark.parametrize("case", CODES)
def test_codes_of_any_kind_are_fitted_without_a_warning(monkeypatch, case):
    monkeypatch.setattr(ex_post, "encode_means", lambda vae, x: CODES[case])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        z = fit_codes(None, CODES[case], num_components=10, num=16, seed=0)
    assert z.shape == (16, 8)
    assert np.all(np.isfinite(z))
