"""Estimators stand where scikit-learn's own do: in pipelines, searches and pickles; rows and gaps go in as they are."""

import copy
import os

import joblib
import numpy as np
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import vae_tf
from vae_tf import VAEImputer, VAEOutlierDetector, VAETransformer
from vae_tf.training.callbacks import GracefulStop

pytestmark = pytest.mark.usefixtures("eagerly")
WIDTHS = {"model.network": {"kind": "mlp", "widths": [4]}}
ROUGH = pytest.mark.filterwarnings("ignore:.*agree with what is there:UserWarning")
"""Models of two steps guess badly, and say so."""
SMALL = {"training.steps": 2, "training.validation_draws": 1, **WIDTHS}


def _small(make, **settings):
    return make("gaussian:2", overrides=SMALL, random_state=0, **settings)


@pytest.fixture(scope="module")
def rows():
    """200 rows of three columns: the second follows the first."""
    rng = np.random.default_rng(0)
    first = rng.normal(50, 10, 200)
    return np.stack([first, 3 * first + rng.normal(size=200), rng.normal(size=200)], axis=1)


@pytest.fixture(scope="module")
def transformer(rows):
    return _small(VAETransformer).fit(rows)


@pytest.fixture(scope="module")
def visits():
    """A table of words, numbers and gaps."""
    rng = np.random.default_rng(0)
    stay = rng.normal(6.0, 2.0, 120)
    stay[::9] = np.nan
    return pa.table({"ward": ["north", "south", "east"] * 40, "stay": pa.array(stay, from_pandas=True)})


def test_codes_are_those_of_the_run(transformer, rows):
    codes = transformer.transform(rows)
    np.testing.assert_allclose(codes, transformer.run_.encode(rows), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(transformer.inverse_transform(codes), transformer.run_.decode(codes))
    assert transformer.get_feature_names_out().tolist() == ["vaetransformer0", "vaetransformer1"]
    assert codes.shape == (200, 2) and transformer.inverse_transform(codes).shape == rows.shape


def test_scores_are_those_of_the_run_and_of_every_row_alone(transformer, rows):
    scores = transformer.score_samples(rows)
    np.testing.assert_allclose(-scores, transformer.run_.score(rows, 2)["negative_elbo"], rtol=1e-5)
    np.testing.assert_array_equal([transformer.score_samples(row[np.newaxis])[0] for row in rows[:3]], scores[:3])
    assert transformer.score(rows) == scores.mean()


def test_some_rows_only_select_and_new_ones_may_lie_anywhere(transformer, rows):
    spec = transformer.run_.spec
    assert (spec.num_train, spec.num_validation, spec.num_test) == (180, 20, 0)
    shares = (rows - rows.min(0)) / np.ptp(rows, axis=0)
    fitted = _small(VAETransformer, validation_fraction=0.5).fit(shares)
    assert fitted.run_.spec.num_validation == 100
    assert np.isfinite(fitted.transform(2 * shares - 1)).all()


def test_equal_states_give_equal_models(transformer, rows):
    again = clone(transformer).fit(rows)
    np.testing.assert_array_equal(again.transform(rows), transformer.transform(rows))
    other = clone(transformer).set_params(random_state=np.random.RandomState(1)).fit(rows)
    assert not np.array_equal(other.transform(rows), transformer.transform(rows))


def test_a_pickle_holds_the_model_and_no_code(transformer, rows, tmp_path):
    joblib.dump(transformer, tmp_path / "kept.joblib")
    state = transformer.__getstate__()["run_"]
    assert {name.partition("/")[0] for name in state} == {"config.yaml", "dataset.json", "metrics.jsonl", "checkpoints"}
    loaded = joblib.load(tmp_path / "kept.joblib")
    for other in (loaded, copy.deepcopy(transformer)):
        np.testing.assert_array_equal(other.transform(rows), transformer.transform(rows))
        assert other.run_.path != transformer.run_.path and other.run_.metrics == transformer.run_.metrics
    path = loaded.run_.path
    assert path.is_dir()
    del loaded, other
    assert not path.exists()


def test_every_fit_leaves_a_run_where_that_is_asked_for(rows, tmp_path, monkeypatch):
    estimator = _small(VAETransformer, run_dir=tmp_path / "kept").fit(rows)
    first = estimator.run_.path
    estimator.fit(rows)
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {first.name, estimator.run_.path.name}
    opened = vae_tf.Run.open(first)
    np.testing.assert_allclose(opened.encode(rows), estimator.transform(rows), rtol=1e-5, atol=1e-6)
    assert opened.spec.feature_names == ("x0", "x1", "x2") and opened.results is None


def test_what_a_fit_leaves_elsewhere_is_removed(rows, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    estimator = _small(VAETransformer).fit(rows)
    assert [estimator.run_.path] == list(tmp_path.iterdir())
    del estimator
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="batch_size"):
        _small(VAETransformer, config={"training": {"batch_size": "many"}}).fit(rows)
    with pytest.raises(vae_tf.UserValueError, match="between two bounds"):
        _small(VAETransformer, config={"model": {"likelihood": {"kind": "discretized_logistic"}}}).fit(rows)
    assert not list(tmp_path.iterdir())


def test_a_search_over_a_pipeline_by_the_score(rows):
    steps = make_pipeline(StandardScaler(), _small(VAETransformer))
    grid = {"vaetransformer__latent": ["gaussian:1", "gaussian:2"]}
    search = GridSearchCV(steps, grid, cv=2, refit=False, error_score="raise").fit(rows)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all() and len(set(scores)) == 2


@ROUGH
def test_gaps_of_an_array_are_filled_in_and_all_else_stays(rows):
    holes = rows.copy()
    holes[::5, 1] = np.nan
    before = holes.copy()
    imputer = _small(VAEImputer, num_samples=20).fit(holes)
    filled = imputer.transform(holes)
    np.testing.assert_array_equal(holes, before)
    assert filled.dtype == holes.dtype and not np.isnan(filled).any()
    np.testing.assert_array_equal(filled[~np.isnan(holes)], holes[~np.isnan(holes)])
    assert imputer.get_feature_names_out(["a", "b", "c"]).tolist() == ["a", "b", "c"]
    assert np.isfinite(imputer.score_samples(holes)).all()
    assert [column.kind for column in imputer.run_.spec.columns] == ["real"] * 3
    table = {f"x{place}": holes[:, place] for place in range(3)}
    guesses = imputer.run_.impute(table, num_samples=20, seed=imputer.run_.config.seed)
    np.testing.assert_array_equal(guesses["x1"], filled[:, 1])


@ROUGH
def test_a_table_of_words_goes_in_as_it_is(visits):
    imputer = _small(VAEImputer, num_samples=20).fit(visits)
    filled = imputer.transform(visits)
    assert filled.schema == visits.schema and filled["stay"].null_count == 0 and filled["ward"] == visits["ward"]
    assert imputer.feature_names_in_.tolist() == ["ward", "stay"]
    detector = _small(VAEOutlierDetector).fit(visits)
    assert np.isfinite(detector.score_samples(visits)).all() and set(detector.predict(visits)) == {-1, 1}
    assert [column.kind for column in detector.run_.spec.columns] == ["category", "real"]


def test_outliers_are_as_many_as_was_said_and_lie_low(rows):
    detector = _small(VAEOutlierDetector, contamination=0.05)
    assert (detector.fit_predict(rows) == -1).sum() == 10
    np.testing.assert_array_equal(detector.decision_function(rows), detector.score_samples(rows) - detector.offset_)
    assert detector.predict([[50, 150, 60.0]]).tolist() == [-1]


REFUSED = {
    "contamination must lie in": (VAEOutlierDetector, {"contamination": 0.6}),
    "validation_fraction must lie": (VAETransformer, {"validation_fraction": 1.0}),
    "model.likelihood must have": (VAETransformer, {"config": {"model": {"likelihood": {"kind": "normal"}}}}),
    "data.window means nothing": (VAETransformer, {"config": {"data": {"window": 3}}}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_wrong_is_told_before_anything_is_trained(message, rows):
    make, settings = REFUSED[message]
    with pytest.raises(vae_tf.UserValueError, match=message):
        make(**settings).fit(rows)


def test_rows_that_nothing_can_be_learned_of_are_refused(rows):
    with pytest.raises(vae_tf.UserValueError, match="nothing but NaN in x1"):
        VAEImputer().fit(np.where(np.arange(3) == 1, np.nan, rows))
    with pytest.raises(ValueError, match="1 sample"):
        VAETransformer().fit(rows[:1])
    fitted = VAETransformer("deterministic:2", overrides=SMALL).fit(rows[:20])
    with pytest.raises(vae_tf.UserValueError, match="an autoencoder"):
        fitted.score(rows)


def test_a_signal_ends_a_fit_and_leaves_nothing(rows, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    begin = GracefulStop.on_train_begin

    def stopped(self, logs=None):
        begin(self, logs)
        self.requested = True

    monkeypatch.setattr(GracefulStop, "on_train_begin", stopped)
    with pytest.raises(KeyboardInterrupt):
        VAETransformer("gaussian:2", epochs=3, overrides=WIDTHS).fit(rows)
    assert not list(tmp_path.iterdir())


@ROUGH
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_of_numbers_and_of_words(library, rows, visits):
    module = pytest.importorskip(library)
    frame = module.DataFrame({name: rows[:, place] for place, name in enumerate("abc")})
    estimator = _small(VAETransformer).set_output(transform=library).fit(frame)
    codes = estimator.transform(frame)
    assert isinstance(codes, module.DataFrame) and list(codes.columns) == ["vaetransformer0", "vaetransformer1"]
    assert list(estimator.inverse_transform(codes).columns) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.transform(frame.rename({"a": "d"}) if library == "polars" else frame.rename(columns={"a": "d"}))
    words = visits.to_pandas() if library == "pandas" else module.from_arrow(visits)
    imputer = _small(VAEImputer, num_samples=20).fit(words)
    filled = imputer.transform(words)
    assert type(filled) is type(words) and not np.isnan(np.asarray(filled["stay"], float)).any()
    assert list(imputer.set_output(transform=library).transform(words).columns) == ["ward", "stay"]


@pytest.mark.skipif(not os.environ.get("VAE_TF_SKLEARN"), reason="starts TensorFlow twice: VAE_TF_SKLEARN=1 runs it")
def test_parallel_fits_in_processes_of_their_own(rows):
    found = cross_validate(_small(VAETransformer), rows, cv=2, n_jobs=2, return_estimator=True, error_score="raise")
    assert [one.transform(rows).shape for one in found["estimator"]] == [(200, 2), (200, 2)]
