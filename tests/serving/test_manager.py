"""Versions: found, warmed up, announced, replaced under load, rolled back, labelled; failures change nothing that works."""

import asyncio
import json
import shutil
import threading
import time
import weakref

import numpy as np
import pytest
import tensorflow as tf
from conformance_model import write
from conftest import Rest

from vae_tf.errors import UserFileError, UserValueError
from vae_tf.files import write_text
from vae_tf.serving import Client, Code, ServingError
from vae_tf.serving.codes import State
from vae_tf.serving.manager import ManagerOptions, ModelManager
from vae_tf.serving.model_config import ModelConfig, from_message, read_model_config, to_text

FAST = ManagerOptions(poll_seconds=0.05, config_poll_seconds=0.05, num_retries=1, retry_seconds=0.05)


class Fake:
    """A model that loads at once, or fails."""

    def __init__(self, path):
        self.path = path
        self.is_closed = False
        self.itself = self  # a cycle, as a graph is one: the collector alone frees it
        if (path / "broken").exists():
            raise ServingError(Code.DATA_LOSS, "broken")

    def close(self):
        self.is_closed = True


def versions_in(folder, *numbers, broken=()):
    for number in numbers:
        (folder / str(number)).mkdir(parents=True)
    for number in broken:
        (folder / str(number)).mkdir(parents=True)
        (folder / str(number) / "broken").touch()


def manage(folder, steps, **config):
    """Run a manager of fake models, doing the steps one after the other with a look at the folder after each."""

    async def run():
        manager = ModelManager([ModelConfig("m", folder, **config)], FAST, load=Fake)
        await manager.start()
        for step in steps:
            step(manager)
            for _ in range(4):
                await manager._reconcile_all()
                await asyncio.sleep(0.06)
        await manager.close()

    asyncio.run(run())


def states(manager):
    return {version.number: version.state.name for version in manager.status("m")}


def test_the_newest_version_by_number_is_served(tmp_path):
    versions_in(tmp_path, 2, 10, 9)
    (tmp_path / ".11-abc.partial").mkdir()
    (tmp_path / "notes").mkdir()

    def check(manager):
        assert states(manager) == {10: "AVAILABLE"}
        with manager.use("m") as version, manager.use("m", 10) as same:
            assert version is same

    manage(tmp_path, [check])


def test_a_new_version_takes_over_and_deleting_it_rolls_back(tmp_path):
    versions_in(tmp_path, 1)
    manage(
        tmp_path,
        [
            lambda _: versions_in(tmp_path, 2),
            lambda manager: (
                (states(manager) == {2: "AVAILABLE", 1: "END"} or pytest.fail(str(states(manager))))
                and shutil.rmtree(tmp_path / "2")
            ),
            lambda manager: states(manager) == {2: "END", 1: "AVAILABLE"} or pytest.fail(str(states(manager))),
        ],
    )


def test_a_version_in_use_stays_until_it_is_free(tmp_path):
    versions_in(tmp_path, 1)
    held = []

    def hold(manager):
        held.append(manager.use("m"))
        held.append(held[0].__enter__())
        versions_in(tmp_path, 2)

    def still_there(manager):
        assert states(manager) == {2: "AVAILABLE", 1: "UNLOADING"}
        assert not held[1].loaded().is_closed
        with pytest.raises(ServingError):
            manager.use("m", 1).__enter__()
        held[0].__exit__(None, None, None)

    manage(tmp_path, [hold, still_there, lambda manager: states(manager)[1] == "END" or pytest.fail("kept")])


def test_a_broken_version_leaves_the_old_one_and_is_tried_again_a_few_times(tmp_path):
    versions_in(tmp_path, 1)

    def broken(manager):
        old, new = manager.status("m", 1)[0], manager.status("m", 2)[0]
        assert old.state is State.AVAILABLE
        assert (new.state, new.error.code, new.num_attempts) == (State.END, Code.DATA_LOSS, 2)
        shutil.rmtree(tmp_path / "2")

    manage(
        tmp_path,
        [
            lambda _: versions_in(tmp_path, broken=[2]),
            broken,
            lambda _: versions_in(tmp_path, 2),
            lambda manager: states(manager) == {2: "AVAILABLE", 1: "END"} or pytest.fail(str(states(manager))),
        ],
    )


def test_a_missing_folder_changes_nothing_and_an_empty_one_unloads(tmp_path):
    folder = tmp_path / "m"
    versions_in(folder, 1)
    manage(
        folder,
        [
            lambda _: folder.rename(tmp_path / "elsewhere"),
            lambda manager: (states(manager) == {1: "AVAILABLE"} or pytest.fail("unloaded")) and folder.mkdir(),
            lambda manager: states(manager) == {1: "END"} or pytest.fail(str(states(manager))),
        ],
    )


@pytest.mark.usefixtures("all_collected")
def test_a_version_that_is_replaced_leaves_the_memory(tmp_path):
    versions_in(tmp_path, 1)
    kept = []

    def replace(manager):
        with manager.use("m") as version:
            kept.append(weakref.ref(version.model))
        versions_in(tmp_path, 2)

    def look(manager):
        assert states(manager) == {2: "AVAILABLE", 1: "END"}
        assert kept[0]() is None

    manage(tmp_path, [replace, look])


def test_policies(tmp_path):
    versions_in(tmp_path, 1, 2, 3)
    manage(
        tmp_path, [lambda manager: states(manager) == dict.fromkeys((3, 2, 1), "AVAILABLE") or pytest.fail()], num_latest=None
    )
    manage(tmp_path, [lambda manager: states(manager) == dict.fromkeys((3, 2), "AVAILABLE") or pytest.fail()], num_latest=2)
    manage(tmp_path, [lambda manager: states(manager) == {1: "AVAILABLE"} or pytest.fail()], specific=(1,))


def test_a_first_version_that_cannot_be_loaded_ends_the_start(tmp_path):
    versions_in(tmp_path, broken=[1])
    with pytest.raises(ServingError, match="broken"):
        manage(tmp_path, [])


def test_applying_a_configuration(tmp_path):
    versions_in(tmp_path, 1, 2)

    def apply(manager):
        with pytest.raises(ServingError, match="assign label new to version 9"):
            manager.apply([ModelConfig("m", tmp_path, None, labels={"new": 9})])
        manager.apply([ModelConfig("m", tmp_path, None, labels={"old": 1})])
        with manager.use("m", label="old") as version:
            assert version.number == 1
        manager.apply([ModelConfig("other", tmp_path)])

    def replaced(manager):
        assert set(states(manager).values()) == {"END"}
        with manager.use("other") as version:
            assert version.number == 2

    manage(tmp_path, [apply, replaced], num_latest=None)


class TestModelConfig:
    def test_text_form_and_back(self, tmp_path):
        models = [
            ModelConfig("a", tmp_path / "a", 3, labels={"stable": 2}),
            ModelConfig("b", tmp_path / "b", None),
            ModelConfig("c", tmp_path / "c", specific=(1, 4)),
        ]
        (tmp_path / "models.config").write_text(to_text(models))
        assert read_model_config(tmp_path / "models.config") == models

    @pytest.mark.parametrize(
        ("text", "error", "message"),
        [
            ("model_config_list {", UserFileError, "not a ModelServerConfig"),
            ('model_config_list { config { name: "a" base_path: "b" } }', UserValueError, "absolute base_path"),
            ("model_config_list { config { } }", UserValueError, "name every model"),
            ("", UserValueError, "is empty"),
        ],
    )
    def test_what_is_wrong(self, tmp_path, text, error, message):
        (tmp_path / "models.config").write_text(text)
        with pytest.raises(error, match=message):
            read_model_config(tmp_path / "models.config")
        with pytest.raises(UserFileError, match="Cannot read"):
            read_model_config(tmp_path / "none.config")

    def test_names_must_differ(self):
        from tensorflow_serving.config import model_server_config_pb2

        config = model_server_config_pb2.ModelServerConfig()
        for _ in range(2):
            config.model_config_list.config.add(name="a", base_path="/a")
        with pytest.raises(UserValueError, match="each once"):
            from_message(config)


def test_new_versions_under_load_of_16_clients_lose_no_request(tmp_path, start_server):
    write(str(tmp_path / "m" / "1"))
    answered, failures, stop = [], [], threading.Event()

    def ask(url):
        with Client(url, "m", num_retries=0) as client:
            while not stop.is_set():
                try:
                    client.predict("serving_default", {"x": [[1.0, 2.0]]})
                    answered.append(1)
                except ServingError as error:
                    failures.append(error)

    with start_server([ModelConfig("m", tmp_path / "m")], manager=FAST) as server:
        urls = [f"http://127.0.0.1:{server.rest_port}", f"grpc://127.0.0.1:{server.grpc_port}"]
        threads = [threading.Thread(target=ask, args=(urls[index % 2],)) for index in range(16)]
        for thread in threads:
            thread.start()
        with Client(urls[0], "m") as client:
            for number in (2, 3):
                write(str(tmp_path / f".{number}"))
                (tmp_path / f".{number}").rename(tmp_path / "m" / str(number))
                deadline = time.monotonic() + 60
                while client.states().get(number) != "AVAILABLE" or client.states().get(number - 1) != "END":
                    assert time.monotonic() < deadline, client.states()
                    time.sleep(0.02)
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert len(answered) > 100


def test_labels_by_configuration_file(tmp_path, start_server):
    for number in (1, 2):
        write(str(tmp_path / "m" / str(number)))
    file = tmp_path / "models.config"
    model = ModelConfig("m", tmp_path / "m", None)
    file.write_text(to_text([model]))
    body = {"instances": [[1, 2]]}
    with start_server(read_model_config(file), file, manager=FAST) as server:
        rest = Rest(f"http://127.0.0.1:{server.rest_port}")
        path = "/v1/models/m/labels/canary:predict"
        assert rest.post(body, path=path)[0] == 400
        file.write_text("nonsense {")
        time.sleep(0.2)
        assert rest.post(body, model="m")[0] == 200
        write_text(file, to_text([ModelConfig("m", tmp_path / "m", None, labels={"canary": 2})]))
        deadline = time.monotonic() + 20
        while rest.post(body, path=path)[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with Client(f"grpc://127.0.0.1:{server.grpc_port}", "m", label="canary") as client:
            assert client.predict("serving_default", {"x": [[1, 2]]})["y"].tolist() == [[2.0, 4.0]]


class TestWarmUp:
    def _serve_with(self, tmp_path, start_server, *records):
        write(str(tmp_path / "m" / "1"))
        extra = tmp_path / "m" / "1" / "assets.extra"
        extra.mkdir()
        with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
            for record in records:
                writer.write(record)
        with start_server([ModelConfig("m", tmp_path / "m")], manager=ManagerOptions()) as server:
            return Rest(f"http://127.0.0.1:{server.rest_port}").get("/v1/models/m")[0]

    def _record(self, signature, value):
        from tensorflow_serving.apis import prediction_log_pb2

        log = prediction_log_pb2.PredictionLog()
        log.predict_log.request.model_spec.signature_name = signature
        log.predict_log.request.inputs["x"].CopyFrom(tf.make_tensor_proto(value))
        return log.SerializeToString()

    def test_good_records(self, tmp_path, start_server):
        assert self._serve_with(tmp_path, start_server, self._record("", np.float32([[1, 2]]))) == 200

    @pytest.mark.parametrize("kind", ["fails", "unknown", "session run", "nonsense"])
    def test_any_bad_record_fails_the_load(self, tmp_path, start_server, kind):
        from tensorflow_serving.apis import prediction_log_pb2

        session_run = prediction_log_pb2.PredictionLog()
        session_run.session_run_log.SetInParent()
        record = {
            "fails": self._record("positive", np.float32([-1])),
            "unknown": self._record("none", np.float32([[1, 2]])),
            "session run": session_run.SerializeToString(),
            "nonsense": b"\xff\xff",
        }[kind]
        with pytest.raises(ServingError):
            self._serve_with(tmp_path, start_server, record)

    def test_broken_framing(self, tmp_path, start_server):
        write(str(tmp_path / "m" / "1"))
        (tmp_path / "m" / "1" / "assets.extra").mkdir()
        (tmp_path / "m" / "1" / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no records " * 20)
        with pytest.raises(ServingError) as error, start_server([ModelConfig("m", tmp_path / "m")], manager=ManagerOptions()):
            pass
        assert error.value.code is Code.DATA_LOSS


def test_half_a_saved_model_is_refused(tmp_path, start_server):
    write(str(tmp_path / "m" / "1"))
    data = (tmp_path / "m" / "1" / "saved_model.pb").read_bytes()
    (tmp_path / "m" / "1" / "saved_model.pb").write_bytes(data[: len(data) // 2])
    with pytest.raises(ServingError), start_server([ModelConfig("m", tmp_path / "m")]):
        pass
    (tmp_path / "m" / "1" / "saved_model.pb").unlink()
    with pytest.raises(ServingError, match="Could not find SavedModel"), start_server([ModelConfig("m", tmp_path / "m")]):
        pass


def test_log_lines_are_json(caplog):
    from vae_tf.serving.log import log_event

    with caplog.at_level("INFO", "vae_tf.serving"):
        log_event("request", path="/a", model=("x",))
    assert json.loads(caplog.messages[-1]) == {"event": "request", "path": "/a", "model": ["x"]}
