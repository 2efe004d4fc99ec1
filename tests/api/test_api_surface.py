"""What is public: a name, a parameter or a default that changes is named by a test that fails."""

import ast
import inspect
import subprocess
import sys

import pytest

import vae_tf

NAMES = [
    "VAE",
    "BernoulliLikelihood",
    "CategoricalLatent",
    "DatasetSpec",
    "GaussianLatent",
    "GaussianLikelihood",
    "Run",
    "RunConfig",
    "UserError",
    "UserFileError",
    "UserValueError",
    "VAEImputer",
    "VAEOutlierDetector",
    "VAETransformer",
    "build_vae",
    "evaluate_model",
    "export_model",
    "train",
]
SHARED = (
    "latent=None, epochs=None, config=None, overrides=None, validation_fraction=0.1, run_dir=None, random_state=None, "
    "verbose=False"
)
SIGNATURES = {
    "VAE": "(encoder, latent, decoder, likelihood, objective=None, name='vae')",
    "BernoulliLikelihood": "(event_shape, name='likelihood')",
    "CategoricalLatent": "(num_variables=30, num_classes=10, temperature={'kind': 'exponential'}, kl_kind='categorical', "
    "prior='uniform', kl_weight={'kind': 'linear', 'start': 0.0, 'stop': 1.0, 'steps': 'auto'}, seed=0, name=None)",
    "GaussianLatent": "(size='auto', kl_kind='auto', kl_weight={'kind': 'linear', 'start': 0.0, 'stop': 1.0, "
    "'steps': 'auto'}, prior='auto', seed=0, name=None)",
    "GaussianLikelihood": "(event_shape, scale_kind='auto', scale=1.0, min_scale=0.01, name='likelihood')",
    "VAEImputer": f"({SHARED}, num_samples=200)",
    "VAEOutlierDetector": f"({SHARED}, contamination=0.1)",
    "VAETransformer": f"({SHARED})",
    "build_vae": "(config, spec, seed=0, objective=None, precision='float32')",
    "evaluate_model": "(vae, x, *, labels=None, spec=None, train=None, num_samples=500, seed=0, "
    "parts=('bounds', 'obvious', 'latent', 'representation', 'disentanglement', 'generation'))",
    "export_model": "(vae, output='saved_models', *, name=None, spec=None, check=True, keep=None)",
    "train": "(data=None, *, preset=None, config=None, latent=None, overrides=None, label_column=None, name=None, "
    "run_dir=None, callbacks=(), parts=None, resume=False, track=None, quiet=False)",
    "Run.open": "(path, parts=None)",
    "Run.encode": "(self, x, labels=None)",
    "Run.decode": "(self, z, decoding=None, seed=0)",
    "Run.reconstruct": "(self, x, labels=None)",
    "Run.generate": "(self, num, seed=0, temperature=1.0, labels=None, given=None, decoding=None)",
    "Run.impute": "(self, data, num_draws=0, spread=False, num_samples=200, seed=0)",
    "Run.forecast": "(self, horizon, before=None, data=None, num_samples=500, seed=0)",
    "Run.interpolate": "(self, start, stop, num_steps=10, labels=(None, None))",
    "Run.score": "(self, x, num_samples=100, seed=0, labels=None)",
    "Run.evaluate": "(self, split='test', data=None, num_samples=500, limit=None, "
    "parts=('bounds', 'obvious', 'latent', 'representation', 'disentanglement', 'generation'))",
    "Run.report": "(self, output='report.html', split='test', data=None, num_samples=500, limit=1000)",
    "Run.push": "(self, place, licence, name=None, public=False, pictures=True, servable=True)",
    "Run.pull": "(place, output=None, parts=False)",
    "Run.export": "(self, output='saved_models', name=None, check=True, keep=None)",
}
FIELDS = {
    "DatasetSpec": "name event_shape value_support raw_range shift scale binarization num_train num_validation num_test "
    "label_names feature_names columns missing factor_names factor_sizes vocabulary tokenizer reading normalization line_ends "
    "text_field sheet fingerprint",
    "RunConfig": "preset seed data model objective training evaluation",
}
ATTRIBUTES = {"path", "results", "metrics"}


def _find(dotted):
    value = vae_tf
    for part in dotted.split("."):
        value = getattr(value, part)
    return value


def _bare(function):
    """Return a signature without annotations, which say what types are called, not how a function is used."""
    signature = inspect.signature(function)
    parameters = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def test_the_public_names():
    assert vae_tf.__all__ == NAMES
    assert set(NAMES) <= set(dir(vae_tf))


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signature(name):
    assert _bare(_find(name)) == SIGNATURES[name]


@pytest.mark.parametrize("name", FIELDS)
def test_the_fields(name):
    assert " ".join(_find(name).model_fields) == FIELDS[name]


def test_every_public_function_and_method_is_held_to_its_signature():
    values = {"DatasetSpec", "RunConfig", "UserError", "UserFileError", "UserValueError", "Run"}
    methods = {f"Run.{name}" for name, value in vars(vae_tf.Run).items() if name[0] != "_" and name not in ATTRIBUTES}
    assert set(SIGNATURES) == (set(NAMES) - values) | methods


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_an_example(name):
    assert "Example:" in (text := inspect.getdoc(_find(name)) or "") and ">>> " in text


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'vae_tf' has no attribute 'trian'"):
        _ = vae_tf.trian


def test_the_package_is_light_until_a_name_is_used():
    code = (
        "import sys, vae_tf; vae_tf.__version__, dir(vae_tf); vae_tf.RunConfig, vae_tf.UserError;"
        "print([name for name in ('tensorflow', 'keras', 'numpy', 'vae_tf.api') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_no_module_of_the_package_imports_a_library_of_data_frames(modules):
    for name, tree in modules.items():
        for node in ast.walk(tree):
            found = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not {part.split(".")[0] for part in found} & {"pandas", "polars"}, name
