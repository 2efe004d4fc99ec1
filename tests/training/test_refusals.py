"""What is refused before the first step has written nothing: no folder that `runs` would list."""

import io

import pytest
from rich.console import Console

from vae_tf.artifacts import RunDirectory
from vae_tf.cluster import Cluster
from vae_tf.errors import UserValueError
from vae_tf.models import VAE
from vae_tf.parts import kinds
from vae_tf.training import sessions
from vae_tf.training.distribution import Distribution, start_distribution
from vae_tf.tuning import SearchDirectory, SearchSettings, SearchSpace
from vae_tf.tuning import trials as trials_module
from vae_tf.tuning.drive import start_search

LATENTS = {
    "gaussian": [{"kind": "gaussian", "size": 2}],
    "categorical": [{"kind": "categorical", "num_variables": 2, "num_classes": 3}],
    "deterministic": [{"kind": "deterministic", "size": 2}],
}


class FirstStepError(Exception):
    """The training began."""


class TwoReplicas(Distribution):
    """Says that a batch is cut in two."""

    num_replicas = 2


@pytest.fixture
def begin(make_dataset, tmp_path, monkeypatch):
    """Train up to the first step in a folder; return that folder, and what refused it."""

    def fit(*_, **__):
        raise FirstStepError

    monkeypatch.setattr(VAE, "fit", fit)

    def run(config, distribution=None, **data):
        monkeypatch.setattr(sessions, "load_dataset", lambda _: make_dataset(**data))
        folder, refusal = tmp_path / "runs" / "a", None
        try:
            sessions.train_and_measure(config, RunDirectory(folder), Console(file=io.StringIO()), False, distribution)
        except FirstStepError:
            pass
        except UserValueError as error:
            refusal = str(error)
        return folder, refusal

    return run


@pytest.mark.parametrize("latents", LATENTS)
@pytest.mark.parametrize("kind", kinds("objective"))
def test_an_objective_that_is_not_for_the_latent_leaves_no_folder(make_config, begin, kind, latents):
    config = make_config(LATENTS[latents])
    config = config.model_validate({**config.model_dump(mode="json"), "objective": kind})
    folder, refusal = begin(config)
    assert folder.exists() == (refusal is None)
    if kind == "rebar":
        assert (refusal is None) == (latents == "categorical")


def test_a_compiled_loop_of_several_replicas(make_config, begin):
    strategy = start_distribution("none", Cluster()).strategy
    folder, refusal = begin(make_config(LATENTS["gaussian"], batch_size=4, jit_compile=True), TwoReplicas(strategy))
    assert "jit_compile=true is for one replica, and this training has 2" in refusal and not folder.exists()
    assert TwoReplicas(strategy).of_one_replica(False, False) == []
    (told,) = TwoReplicas(strategy).of_one_replica(True, goes_on=True)
    assert "begun in the compiled loop" in told


@pytest.mark.parametrize("wanted", [7, 64])
def test_labels_that_are_not_there_leave_no_folder(make_config, begin, wanted):
    config = make_config([{"kind": "categorical", "num_variables": 1, "num_classes": 2, "name": "class"}, *LATENTS["gaussian"]])
    objective = {"kind": "semi_supervised", "class_block": "class", "num_labels": wanted}
    folder, refusal = begin(config.model_validate({**config.model_dump(mode="json"), "objective": objective}))
    assert (refusal is None) == (wanted == 64), refusal
    assert folder.exists() == (refusal is None)


def test_a_batch_that_replicas_cannot_share_leaves_no_folder(make_config, begin):
    from vae_tf.cluster import Cluster

    two = TwoReplicas(start_distribution("none", Cluster()).strategy)
    folder, refusal = begin(make_config(batch_size=15), two)
    assert "must be a multiple of 2. Received: 15" in refusal
    assert not folder.exists()


SEARCHES = {
    "objective": ("gaussian", {"objective": "rebar"}, {}, "categorical or bernoulli block"),
    "density": ("deterministic", {}, {"objective": "val_nll"}, "val_nll needs a density"),
    "hyperband": ("gaussian", {}, {"tuner": "hyperband"}, "Hyperband begins with"),
    "labels": (
        "categorical",
        {"objective": {"kind": "semi_supervised", "class_block": "categorical", "num_labels": 7}},
        {},
        "num_labels",
    ),
    "none": ("gaussian", {}, {}, None),
}


@pytest.mark.parametrize("case", SEARCHES)
def test_a_search_that_cannot_begin_leaves_no_folder(make_config, make_dataset, tmp_path, monkeypatch, case):
    latents, changes, choices, expected = SEARCHES[case]
    monkeypatch.setattr(trials_module, "_load", lambda _: make_dataset())
    blocks = [{**LATENTS[latents][0], **({"num_variables": 1, "num_classes": 2} if case == "labels" else {})}]
    config = make_config(blocks, epochs=30)
    config = config.model_validate({**config.model_dump(mode="json"), **changes})
    parameter = {"path": "training.batch_size", "name": "batch", "kind": "choice", "values": [16, 32]}
    space = SearchSpace.model_validate({"parameters": [parameter]})
    search = SearchDirectory(tmp_path / "runs" / "a")
    settings = SearchSettings(**{"config": config, "space": space, "tuner": "grid", **choices})
    if expected is None:
        start_search(search, settings)
        assert search.is_search(search.path)
        return
    with pytest.raises(UserValueError, match=expected):
        start_search(search, settings)
    assert not search.path.exists()


def test_a_change_that_the_data_cannot_take_leaves_no_folder(make_config, begin):
    folder, refusal = begin(make_config(augment=["mask"]))
    wanted = "training.augment mask needs texts, series or rows of mixed columns. Received: pictures of zeros and ones."
    assert refusal == f"{wanted} Leave it out."
    assert not folder.exists()
