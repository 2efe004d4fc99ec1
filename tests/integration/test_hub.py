"""Runs given to others and taken from them: by a server that speaks the Hub's API, a folder, a URL."""

import io
import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hub_server import GUEST, TOKEN, hub_server

from vae_tf.sums import SUMS, files_below, read_sums, write_sums

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of huggingface_hub's uploads
MODEL = "hf://me/tiny"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A server with nothing in it, and a token that may write."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # its server is not the Hub's own
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)  # between attempts
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    with hub_server() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture(scope="module")
def pushed(tiny_runs, tmp_path_factory):
    """A folder as a push makes it."""
    from vae_tf.cli import main

    folder = tmp_path_factory.mktemp("shelf") / "tiny"
    with pytest.raises(SystemExit) as stopped:
        main(["push", str(tiny_runs["gaussian"]), str(folder), "--license", "mit"])
    assert not stopped.value.code
    return folder


@pytest.fixture
def pushed_and_run(pushed, tiny_run):
    """Give a push and a run."""
    return pushed, tiny_run


def give(server, pushed, private=True):
    """Let the server have a push, as by a person's hand."""
    from hub_server import Repository

    server.repositories["me/tiny"] = made = Repository(private)
    made.commit({name: (pushed / name).read_bytes() for name in (*files_below(pushed), SUMS)})


def one_line(err):
    told = [line for line in err.splitlines() if line]
    assert len(told) == 1 and told[0].startswith("Error: ") and TOKEN not in err and GUEST not in err, err
    return told[0]


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_pulled_scores_and_answers_as_what_was_pushed(hub, run_cli, tiny_run, tmp_path, parse):
    from vae_tf.serving.loaded_model import LoadedModel

    code, out, err = run_cli("push", tiny_run, MODEL, "--license", "apache-2.0", "--json")
    told = parse(out)
    assert (code, told["private"], told["where"]) == (0, True, f"{hub.url}/me/tiny") and TOKEN not in out + err
    assert hub.repositories["me/tiny"].private and hub.names("me/tiny") == {*told["files"], ".gitattributes"}
    code, out, err = run_cli("pull", MODEL, "-o", "mine", "--json")
    pulled = parse(out)
    assert (code, pulled["revision"], pulled["path"]) == (0, told["revision"], "mine") and TOKEN not in out + err
    assert {*files_below("mine")} == {*told["files"], "pulled.json"} - {SUMS} and left(tmp_path) == ["mine"]
    assert parse(run_cli("check", "mine", "--model", "--json")[1])["well"]
    for name, run in (("a", tiny_run), ("b", "mine")):
        assert run_cli("score", run, "--num-samples", 5, "-o", f"{name}.csv")[0] == 0
    assert Path("a.csv").read_bytes() == Path("b.csv").read_bytes()
    assert run_cli("export", tiny_run, "--name", "own", "--output", "own")[0] == 0
    rows = {"x": np.random.default_rng(0).uniform(0, 255, (5, 8, 8, 1)).astype(np.float32)}
    models = [LoadedModel(path) for path in (Path("own/own/1"), Path("mine/servable/tiny/1"))]
    assert pulled["servables"] == ["mine/servable/tiny"]
    answers = [model.run(model.find("score"), rows) for model in models]
    assert {*answers[0]} == {*answers[1]} and all((answers[0][key] == answers[1][key]).all() for key in answers[0])


def test_a_training_starts_from_what_is_on_the_hub(hub, run_cli, pushed, tmp_path):
    give(hub, pushed)
    few = [
        "--epochs",
        1,
        "--set",
        "data.limit=60",
        "--set",
        "model.network={kind: mlp, widths: [16]}",
        "--latent",
        "gaussian:2",
    ]
    code, _, err = run_cli("train", *few, "--run-dir", "new", "--init-from", MODEL)
    state = hub.repositories["me/tiny"].commits[-1][0][:8]
    assert code == 0 and f"Starts from {tmp_path}/runs/tiny-{state} (digits)" in err.replace("\n", " "), err
    hub.asked.clear()
    assert run_cli("train", *few, "--run-dir", "newer", "--init-from", MODEL)[0] == 0
    assert all("/api/models/" in one for one in hub.asked)  # the state is looked up, and is there already


def test_python_pushes_and_pulls(hub, tiny_run, tmp_path):
    import vae_tf

    run = vae_tf.Run.open(tiny_run)
    assert run.push(MODEL, "none", servable=False, pictures=False) == f"{hub.url}/me/tiny"
    assert not [name for name in hub.names("me/tiny") if name.startswith(("servable", "pictures"))]
    again = vae_tf.Run.pull(MODEL)
    assert again.path.parent == Path("runs") and vae_tf.Run.pull(MODEL).path == again.path
    x = np.full((2, 8, 8, 1), 100.0)
    assert (again.encode(x) == run.encode(x)).all()


def test_a_push_after_another_is_the_next_state_and_leaves_what_people_put_there(hub, run_cli, tiny_runs):
    assert run_cli("push", tiny_runs["gaussian"], MODEL, "--license", "mit", "--no-servable")[0] == 0
    before = hub.names("me/tiny")
    hub.change("me/tiny", LICENSE=b"mine", **{"checkpoints/epoch-00099.npz": b"old", "README.md": b"by hand"})
    asked = len(hub.asked)
    assert run_cli("push", tiny_runs["joint"], MODEL, "--license", "mit", "--no-servable", "--no-pictures")[0] == 0
    names = {name for name in before if not name.startswith("pictures/")} | {"LICENSE"}
    assert hub.names("me/tiny") == names and len(hub.asked) > asked
    old = hub.repositories["me/tiny"].commits[1][0]
    assert run_cli("pull", f"{MODEL}@{old[:10]}", "-o", "old")[0] == 0 and run_cli("pull", MODEL, "-o", "new")[0] == 0
    kinds = [[one["kind"] for one in config_of(name)["model"]["latents"]] for name in ("old", "new")]
    assert kinds == [["gaussian"], ["gaussian", "categorical"]]


def config_of(run):
    from vae_tf.config_sources import load_config_file

    return load_config_file(Path(run) / "config.yaml")


def test_nobody_sees_more_than_was_said(hub, run_cli, pushed, tiny_run):
    give(hub, pushed, private=False)
    code, _, err = run_cli("push", tiny_run, MODEL, "--license", "mit")
    assert code == 2 and "is public" in one_line(err) and "--public" in err
    assert len(hub.repositories["me/tiny"].commits) == 1
    assert run_cli("push", tiny_run, MODEL, "--license", "mit", "--public", "--no-servable")[0] == 0
    assert run_cli("push", tiny_run, "hf://me/open", "--license", "mit", "--public", "--no-servable")[0] == 0
    assert not hub.repositories["me/open"].private


@pytest.mark.parametrize(
    "case",
    [
        (["pull", "hf://me/other"], TOKEN, "hf://me/other is not there, or your token has no right to it"),
        (["pull", MODEL], GUEST, "is not there, or your token has no right to it"),
        (["pull", f"{MODEL}@v7"], TOKEN, "no such revision"),
        (["pull", "hf://tiny"], TOKEN, "hf://USER/NAME"),
        (["pull", "hf://me/tiny/../other"], TOKEN, "hf://USER/NAME"),
        (["push", "{run}", "hf://me/new", "--license", "mit"], GUEST, "hf auth login"),
        (["push", "{run}", "hf://me/new", "--license", "mit"], "", "needs a token"),
        (["push", "{run}", "hf://me/new", "--license", "my-own"], TOKEN, "is not one of those known"),
        (["push", "{run}", "hf://me/new", "--license", "!"], TOKEN, "short name of a licence"),
        (["push", "{run}", "hf://me/new"], TOKEN, "Say under which licence"),
        (["push", "{run}", "hf://me/new@main", "--license", "mit"], TOKEN, "newest state"),
        (["push", "{run}", "nowhere://me/new", "--license", "mit"], TOKEN, "nowhere"),
    ],
)
def test_what_a_person_can_mend_is_one_line(hub, run_cli, pushed_and_run, tmp_path, monkeypatch, case):
    (pushed, tiny_run), (command, token, said) = pushed_and_run, case
    give(hub, pushed)
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr("huggingface_hub.utils._auth._get_token_from_file", lambda: None)
    code, _, err = run_cli(*[one.replace("{run}", str(tiny_run)) for one in command])
    assert code == 2 and said in one_line(err), err
    assert left(tmp_path) == [] and not hub.repositories.get("me/new", hub.repositories["me/tiny"]).commits[1:]


def test_a_server_that_is_not_there_is_one_line(hub, run_cli, tiny_run, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for command in (["pull", MODEL], ["push", tiny_run, MODEL, "--license", "mit"]):
        code, _, err = run_cli(*command)
        assert code == 1 and "http://127.0.0.1:9 did not answer" in one_line(err)
    assert left(tmp_path) == []


def test_a_pull_that_loses_its_server_goes_on(hub, run_cli, pushed, tmp_path):
    give(hub, pushed)
    hub.fails, hub.cut = r"GET (servable/.*saved_model\.pb|/me/tiny/resolve/.*saved_model)", 5000
    code, _, err = run_cli("pull", MODEL, "-o", "mine")
    assert code == 1 and "The same command goes on" in one_line(err)
    (waits,) = left(tmp_path)
    assert waits.startswith(".mine-") and (tmp_path / waits / "results.json").exists()
    hub.fails = ""
    hub.asked.clear()
    assert run_cli("pull", MODEL, "-o", "mine")[0] == 0
    fetched = {one.rsplit("/", 1)[1] for one in hub.asked if one.startswith("GET /me")}
    assert left(tmp_path) == ["mine"] and "saved_model.pb" in fetched and "results.json" not in fetched
    assert not (tmp_path / "mine/.cache").exists()


def test_a_push_that_loses_its_server_leaves_no_commit_and_goes_on(hub, run_cli, tiny_run):
    push = ["push", tiny_run, MODEL, "--license", "mit", "--no-servable"]
    hub.fails = r"POST .*/commit/"
    code, _, err = run_cli(*push)
    assert code == 1 and "did not answer" in one_line(err) and hub.names("me/tiny") == {".gitattributes"}
    assert any(one.startswith("PUT") for one in hub.asked)
    hub.fails = ""
    hub.asked.clear()
    assert run_cli(*push)[0] == 0
    assert sum(one.startswith("PUT") for one in hub.asked) == 0  # the large files are there


def changed(folder, change):
    """Return what a person with evil in mind makes of a push: sums agree."""
    change(folder)
    (folder / SUMS).unlink()
    write_sums(folder, without=["README.md"])


def with_objects(folder):
    path = next(folder.glob("checkpoints/*.npz"))
    with np.load(path) as arrays:
        found = dict(arrays)
    np.savez(path, **{**found, "v0": np.array([{"a": 1}], object)}, allow_pickle=True)


def with_operation(name):
    def change(folder):
        from tensorflow.core.protobuf import saved_model_pb2

        path = next(folder.glob("servable/*/*/saved_model.pb"))
        saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
        saved.meta_graphs[0].graph_def.library.function[0].node_def.add(name="a", op=name)
        path.write_bytes(saved.SerializeToString())
        write_sums(path.parent)

    return change


EVIL = {
    "a pickle": (lambda folder: (folder / "model.pkl").write_bytes(b"cos\nsystem\n"), "names 'model.pkl'"),
    "a script": (lambda folder: (folder / "setup.py").write_text("boom"), "names 'setup.py'"),
    "a Keras file": (lambda folder: (folder / "model.keras").write_bytes(b"a"), "names 'model.keras'"),
    "objects in an archive": (with_objects, "holds objects, not numbers"),
    "a file that is no archive": (lambda folder: next(folder.glob("checkpoints/*.npz")).write_bytes(b"a"), "it does not open"),
    "a graph that calls Python": (with_operation("PyFunc"), "does more than compute: PyFunc"),
    "a graph that reads files": (with_operation("ReadFile"), "does more than compute: ReadFile"),
    "a graph that writes files": (with_operation("WriteFile"), "does more than compute: WriteFile"),
    "a graph that writes variables": (with_operation("SaveV2"), "does more than compute: SaveV2"),
}


@pytest.mark.parametrize("case", EVIL)
def test_what_is_more_than_a_push_is_refused(run_cli, pushed, tmp_path, case):
    change, said = EVIL[case]
    shutil.copytree(pushed, tmp_path / "evil")
    changed(tmp_path / "evil", change)
    code, _, err = run_cli("pull", tmp_path / "evil", "-o", tmp_path / "mine")
    assert code == 1 and said in one_line(err), err
    assert left(tmp_path) == ["evil"]


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "checkpoints/../../evil.npz", "C:\\evil", ".ssh/config"])
def test_a_path_out_of_the_folder_is_refused(hub, run_cli, pushed, tmp_path, name):
    from vae_tf.checksums import summed_text

    give(hub, pushed)
    lines = f"{'0' * 64}  {name}\n"
    hub.change("me/tiny", **{SUMS: summed_text(lines).encode()})
    code, _, err = run_cli("pull", MODEL, "-o", "mine")
    assert code == 1 and "which no push has" in one_line(err)
    assert left(tmp_path) == []


def test_damage_is_told(hub, run_cli, pushed, tmp_path):
    give(hub, pushed)
    content = hub.repositories["me/tiny"].commits[-1][1]
    for said, change in {
        "results.json is not what was pushed": {"results.json": content["results.json"].replace(b"1", b"2", 1)},
        "lacks results.json": {"results.json": None},
        "does not agree with its checksum": {SUMS: content[SUMS][:-9]},
        "it has no SHA256SUMS": {SUMS: None},
    }.items():
        hub.change("me/tiny", **change)
        code, _, err = run_cli("pull", MODEL, "-o", "mine")
        assert code == (2 if "has no" in said else 1) and said in one_line(err)
        assert left(tmp_path) == []
        hub.change("me/tiny", **content)
    hub.change("me/tiny", **{"README.md": None, "notes.txt": b"by hand", "evil.pkl": b"a"})  # not among the sums: passed over
    assert run_cli("pull", MODEL, "-o", "mine")[0] == 0
    assert not {"notes.txt", "evil.pkl", "README.md"} & {*left(tmp_path / "mine")}


def test_a_url_is_gone_on_with_and_whole_only_with_its_sums(run_cli, tiny_run, tmp_path, monkeypatch):
    import fsspec

    memory = fsspec.filesystem("memory")
    url, put, sent = "memory://shelf/tiny", type(memory).put_file, []

    def failing(self, local, remote, **settings):
        sent.append(remote)
        if len(sent) == 4:
            raise ConnectionResetError("gone, with hf_secretsecret")
        return put(self, local, remote, **settings)

    monkeypatch.setattr(type(memory), "put_file", failing)
    push = ["push", tiny_run, url, "--license", "mit", "--no-servable"]
    code, _, err = run_cli(*push)
    assert code == 1 and "cannot be written to: gone, with ***" in one_line(err)
    code, _, err = run_cli("pull", url, "-o", tmp_path / "mine")
    assert code == 2 and "or its push has not ended" in one_line(err) and left(tmp_path) == []
    assert run_cli(*push)[0] == 0
    assert not {*sent[:3]} & {*sent[4:]} and sent[-1].endswith(SUMS)
    code, _, err = run_cli(*push)
    assert code == 2 and "holds a push already" in one_line(err)
    assert run_cli("pull", url, "-o", tmp_path / "mine")[0] == 0
    assert {*read_sums(tmp_path / "mine")} | {"README.md", "pulled.json"} == {*files_below(tmp_path / "mine")}
    memory.rm("/shelf", recursive=True)


@pytest.mark.skipif(not os.environ.get("VAE_TF_S3"), reason="needs an S3 server with a bucket `shelf`: VAE_TF_S3=URL runs it")
def test_a_bucket_is_a_place(run_cli, tiny_run, tmp_path, monkeypatch):
    for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "opensesame", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", os.environ.get(f"AWS_{name}", value))
    monkeypatch.setenv("AWS_ENDPOINT_URL", os.environ["VAE_TF_S3"])
    url = f"s3://shelf/{tmp_path.name}-{os.getpid()}"
    push = ["push", tiny_run, url, "--license", "mit", "--no-servable"]
    assert run_cli(*push)[0] == 0 and run_cli(*push)[0] == 2
    assert run_cli("pull", url, "-o", tmp_path / "mine")[0] == 0
    code, _, err = run_cli("push", tiny_run, "s3://no-such-bucket/a", "--license", "mit", "--no-servable")
    assert code == 2 and "See to the name" in one_line(err)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    code, _, err = run_cli("pull", url, "-o", tmp_path / "again")
    assert code == 1 and "opensesame" not in one_line(err)


def test_file_urls_are_folders(run_cli, tiny_run, tmp_path):
    url = f"file://{tmp_path}/shelf"
    assert run_cli("push", tiny_run, url, "--license", "mit", "--no-servable")[0] == 0
    code, _, err = run_cli("push", tiny_run, url, "--license", "mit", "--no-servable")
    assert code == 2 and "is not empty" in one_line(err)
    assert run_cli("pull", url, "-o", tmp_path / "mine")[0] == 0
    code, _, err = run_cli("pull", url, "-o", tmp_path / "mine")
    assert code == 2 and "is not empty" in one_line(err)
    code, _, err = run_cli("pull", tmp_path / "nothing")
    assert code == 2 and "There is no folder" in one_line(err)


def test_secrets_in_urls_are_not_told(run_cli):
    code, _, err = run_cli("pull", "ftp://me:opensesame@127.0.0.1:9/runs/a?key=alsosecret")
    assert code == 1 and "ftp://127.0.0.1:9/runs/a cannot be read" in one_line(err) and "secret" not in err
    assert "opensesame" not in err


@pytest.mark.parametrize("url", ["nowhere://a/b", "sftp://127.0.0.1/a", "s3:///"])
def test_what_nothing_opens_is_named(run_cli, monkeypatch, url):
    monkeypatch.setitem(sys.modules, "paramiko", None)
    code, _, err = run_cli("pull", url)
    assert code == 2 and f"{url} cannot be opened: " in one_line(err)


def test_an_unfinished_run_is_not_pushed(run_cli, tiny_run, tmp_path):
    shutil.copytree(tiny_run, tmp_path / "run")
    (tmp_path / "run/results.json").unlink()
    code, _, err = run_cli("push", tmp_path / "run", tmp_path / "shelf", "--license", "mit")
    assert code == 2 and "training has not ended" in one_line(err) and left(tmp_path) == ["run"]


def test_the_card_is_read_by_the_hubs_own_library(pushed, tiny_run):
    from huggingface_hub import ModelCard

    card = ModelCard.load(pushed / "README.md")
    results = json.loads((tiny_run / "results.json").read_text())
    assert (card.data.license, card.data.library_name, card.data.model_name) == ("mit", "vae_tf", "tiny")
    found = {one.metric_type: one.metric_value for one in card.data.eval_results}
    assert found["nll"] == results["nll"] and {one.dataset_name for one in card.data.eval_results} == {"digits"}
    said = f"{results['nll']:.2f} ± {results['nll_stderr']:.2f} nats"
    for text in (said, "8 x 8 x 1", "Plain models", "pictures/samples.png", 'Run.pull("tiny")', "## Limits", "## Intended use"):
        assert text in card.content
    assert all(row["verdict"].split(" by ")[0] in card.content for row in results["obvious"])


def test_nothing_of_this_machine_goes_along(run_cli, tmp_path):
    """A table's path, the run's folder, the command: not in any file; words with markup stand in the card as they are."""
    table = tmp_path / "secret-folder" / "rows.csv"
    table.parent.mkdir()
    rows = [f"{n % 7}.5,{'<b>x|y</b>' if n % 3 else 'plain'}" for n in range(90)]
    table.write_text("\n".join(["a|*b*,kind", *rows]) + "\n")
    few = ["--epochs", 1, "--latent", "gaussian:2", "--set", "model.network={kind: mlp, widths: [8]}"]
    assert run_cli("train", "--dataset", table, *few, "--run-dir", tmp_path / "run")[0] == 0
    assert run_cli("push", tmp_path / "run", tmp_path / "shelf", "--license", "none")[0] == 0
    for name in files_below(tmp_path / "shelf"):
        assert str(tmp_path).encode() not in (tmp_path / "shelf" / name).read_bytes(), name
    card = (tmp_path / "shelf/README.md").read_text()
    assert r"| a\|\*b\* | real |" in card and "None is given" in card and "license:" not in card
    assert run_cli("pull", tmp_path / "shelf", "-o", tmp_path / "mine")[0] == 0
    code, _, err = run_cli("score", tmp_path / "mine", "--num-samples", 2, "-o", tmp_path / "a.csv")
    assert code == 2 and "--dataset" in err
    for name, more in (("a", ["--dataset", table]), ("b", [])):
        run = tmp_path / ("mine" if more else "run")
        assert run_cli("score", run, "--num-samples", 2, "-o", tmp_path / f"{name}.csv", *more)[0] == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_code_of_its_own_waits_until_somebody_says_so(run_cli, tmp_path, monkeypatch, restored_parts):
    from vae_tf.parts import files

    own = tmp_path / "own_of_hub.py"
    own.write_text(
        "import tensorflow as tf\n\nfrom vae_tf.parts import Schedule, register\n\n\n"
        '@register("hub_test")\n'
        "class HubTest(Schedule):\n"
        '    """One."""\n\n'
        "    def __call__(self, step):\n"
        "        return tf.constant(1.0)\n"
    )
    few = ["--epochs", 1, "--set", "model.network={kind: mlp, widths: [8]}", "--set", "data.limit=60", "--parts", own]
    kl = ["--set", "model.latents=[{kind: gaussian, size: 2, kl_weight: {kind: hub_test}}]"]
    code, _, err = run_cli("train", *few, *kl, "--run-dir", tmp_path / "run")
    assert code == 0, err
    assert run_cli("push", tmp_path / "run", tmp_path / "shelf", "--license", "mit", "--no-servable")[0] == 0
    monkeypatch.setattr(files, "_LOADED", {})
    code, _, err = run_cli("pull", tmp_path / "shelf", "-o", tmp_path / "mine")
    assert code == 0 and "not executed unasked" in err and "parts/own_of_hub.py" in err and not files.loaded_files()
    code, _, err = run_cli("score", tmp_path / "mine", "-o", tmp_path / "a.csv")
    assert code == 2 and "not executed unasked" in err


def test_an_archive_within_an_archive_is_no_array(tmp_path):
    from vae_tf.hub.arrival import _holds_numbers

    packed = io.BytesIO()
    np.save(packed, np.zeros(3))
    for name, content, is_well in (("good", packed.getvalue(), True), ("bad", b"PK\3\4", False)):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("v0.npy", content)
        assert _holds_numbers(tmp_path / name) is is_well
