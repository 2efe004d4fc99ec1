"""The estimators pass scikit-learn's own checks: some of each kind always, all of them with VAE_TF_SKLEARN=1.

A check fits a model of its own, so these are of two steps, and take them without a graph.
"""

import os

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from vae_tf import VAEImputer, VAEOutlierDetector, VAETransformer

pytestmark = pytest.mark.usefixtures("eagerly")
SMALL = {"training.steps": 2, "training.validation_draws": 1, "model.network": {"kind": "mlp", "widths": [4]}}
ESTIMATORS = [make("gaussian:2", overrides=SMALL) for make in (VAETransformer, VAEImputer, VAEOutlierDetector)]
FITTING_ALWAYS = {
    "check_dict_unchanged",
    "check_estimators_nan_inf",
    "check_estimators_pickle",
    "check_methods_subset_invariance",
    "check_n_features_in_after_fitting",
}
WITHOUT_A_FIT = {
    "check_complex_data",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_sparse_array",
    "check_estimator_sparse_matrix",
    "check_estimator_sparse_tag",
    "check_estimator_tags_renamed",
    "check_estimators_empty_data_messages",
    "check_estimators_unfitted",
    "check_fit1d",
    "check_fit2d_1sample",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_transformer_n_iter",
    "check_transformers_unfitted",
    "check_valid_tag_types",
}


def _name(check):
    return check.func.__name__


def _chosen():
    every = [pair for estimator in ESTIMATORS for pair in estimator_checks_generator(estimator, legacy=True)]
    if os.environ.get("VAE_TF_SKLEARN"):
        return every
    return [
        (estimator, check)
        for estimator, check in every
        if _name(check) in WITHOUT_A_FIT | FITTING_ALWAYS and not check.keywords.get("readonly_memmap")
    ]


@pytest.mark.parametrize(
    ("estimator", "check"), _chosen(), ids=lambda value: _name(value) if hasattr(value, "func") else type(value).__name__
)
def test_the_check_passes(estimator, check):
    check(estimator)


def test_those_that_always_run_are_there():
    names = {_name(check) for _, check in _chosen()}
    assert names >= (WITHOUT_A_FIT | FITTING_ALWAYS)
