"""Several processes behind one port: who answers, who takes the place of a dead one, and that none stays."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest
import typer
from conftest import Rest
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from vae_tf.cli.common import parser
from vae_tf.cli.serve_workers import arguments_again
from vae_tf.errors import MachineError, UserValueError
from vae_tf.serving import Client
from vae_tf.serving.ports import bind, check_sharing, reserve
from vae_tf.serving.workers import Workers, _Worker

ROOT = Path(__file__).parents[2]
GOOD = {"instances": [[1.0, 2.0]]}
METRICS = "/monitoring/prometheus/metrics"


def children(pid):
    """Return the processes that one has started and that still run."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except (OSError, ValueError):
            continue
        if fields["PPid"].strip() == str(pid) and not fields["State"].startswith("Z"):
            found.append(int(fields["Pid"]))
    return found


def runs(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def until(is_so, seconds=90.0):
    """Wait until something is so, and return what it is."""
    deadline = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


class Serving:
    """`serve --workers 2`, and what it says."""

    def __init__(self, folder, *arguments):
        command = [sys.executable, str(ROOT / "run.py"), "serve", str(folder), "--engine", "embedded", "--workers", "2"]
        self.process = subprocess.Popen(
            [*command, "--rest-port", "0", "--grpc-port", "0", "--poll", "0.2", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "300", "TMPDIR": str(folder.parent)},  # where a killed one leaves what it counted
        )
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stderr.readline, "")))
        self.reader.start()

    def events(self, name):
        found = [json.loads(line) for line in list(self.lines) if line.startswith('{"time"')]
        return [one for one in found if one["event"] == name]

    def announced(self):
        return [line for line in self.lines if line.startswith("REST ")]

    def workers(self):
        """Return the process of every worker that answers or did, the newest last."""
        return {one["worker"]: one["pid"] for one in self.events("ready")}

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(90)
        self.reader.join(30)
        self.process.stderr.close()
        return code


@pytest.fixture(scope="module")
def serving(conformance_folder):
    """Give a server of two workers that answer."""
    started = Serving(conformance_folder)
    until(lambda: started.announced() or started.process.poll() is not None)
    yield started
    started.end()


@pytest.fixture(scope="module")
def doors(serving):
    """Give the addresses, REST and gRPC."""
    _, rest, _, door = serving.announced()[0].split()
    return rest.split("/v1/")[0], door


def count_of(page):
    """Return how many good requests a page of metrics tells of."""
    lines = [line for line in page.decode().splitlines() if line.startswith(':tensorflow:serving:request_count{model_name="c')]
    return sum(float(line.split()[-1]) for line in lines if 'status="OK"' in line)


def test_both_answer_on_one_port_and_count_together(serving, doors):
    rest = Rest(doors[0])
    assert len(serving.announced()) == 1 and len(set(serving.workers().values())) == 2
    for _ in range(40):  # each over a connection of its own
        assert rest.post(GOOD)[0] == 200
    until(lambda: len(serving.events("request")) >= 40)
    assert {one["pid"] for one in serving.events("request")} == set(serving.workers().values())
    assert {count_of(rest.ask("GET", METRICS)[2]) for _ in range(8)} == {40.0}  # whoever is asked
    seen = set()
    for _ in range(40):
        with Client(f"grpc://{doors[1]}", "conformance") as client:
            assert client.predict("total", {"x": [1, 2]})["y"] == 3
        seen = {one["pid"] for one in serving.events("request") if one["protocol"] == "GRPC"}
        if len(seen) == 2:
            break
    assert len(seen) == 2


def test_each_has_its_share_of_the_cores(serving):
    for pid in serving.workers().values():
        environment = Path(f"/proc/{pid}/environ").read_text().split("\0")
        assert f"TF_NUM_INTRAOP_THREADS={max(1, os.cpu_count() // 2)}" in environment


def test_what_would_reach_one_alone_is_refused(doors):
    request = model_management_pb2.ReloadConfigRequest()
    channel = grpc.insecure_channel(doors[1], options=[("grpc.enable_http_proxy", 0)])
    with channel, pytest.raises(grpc.RpcError) as error:
        model_service_pb2_grpc.ModelServiceStub(channel).HandleReloadConfigRequest(request, timeout=30)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED and "--config-file" in error.value.details()


def test_the_port_is_taken_for_others(serving, doors, conformance_folder):
    port = int(doors[0].rsplit(":", 1)[1])
    with pytest.raises(UserValueError, match=f"Port {port} cannot be opened"):
        bind("127.0.0.1", port, "--rest-port")
    command = [sys.executable, str(ROOT / "run.py"), "serve", str(conformance_folder), "--workers=2", f"--rest-port={port}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and f"Port {port} cannot be opened" in done.stderr.splitlines()[-1]


def test_a_killed_worker_is_replaced_and_requests_go_on(serving, doors):
    rest = Rest(doors[0])
    counted, lost = count_of(rest.ask("GET", METRICS)[2]), serving.workers()[1]
    os.kill(lost, signal.SIGKILL)
    (ended,) = until(lambda: serving.events("worker ended"))
    assert ended["pid"] == lost and ended["how"].startswith("signal 9") and ended["restart_seconds"] == 0.5
    answers = [rest.post(GOOD)[0] for _ in range(20)]
    new = until(lambda: serving.workers()[1] != lost and serving.workers()[1])
    answers += [rest.post(GOOD)[0] for _ in range(40)]
    assert answers == [200] * 60
    until(lambda: new in {one["pid"] for one in serving.events("request")})
    assert count_of(rest.ask("GET", METRICS)[2]) == counted + 60  # what the dead one had counted is kept
    assert len(serving.announced()) == 1


def test_new_versions_reach_all_of_them(serving, doors, conformance_folder):
    (conformance_folder / "2").symlink_to(conformance_folder / "1")
    rest = Rest(doors[0])
    try:
        until(lambda: {one["worker"] for one in serving.events("available") if one["version"] == 2} == {1, 2})
        assert {rest.ask("GET", "/v1/models/conformance/versions/2/metadata")[0] for _ in range(10)} == {200}
    finally:
        (conformance_folder / "2").unlink()


def test_the_end_is_in_order_and_leaves_no_process(serving, doors):
    started = children(serving.process.pid)
    assert set(serving.workers().values()) <= set(started)
    assert serving.end() == 0
    assert not any(runs(pid) for pid in started)
    assert {one["worker"] for one in serving.events("stopped")} == {1, 2}
    bind("127.0.0.1", int(doors[0].rsplit(":", 1)[1]), "--rest-port").close()


def test_a_killed_parent_leaves_no_orphans(conformance_folder):
    served = Serving(conformance_folder)
    started = until(lambda: len(found := children(served.process.pid)) == 2 and found)
    served.process.kill()
    until(lambda: not any(runs(pid) for pid in started))
    served.end()


TELLS = """import os
channel = int(os.environ["VAE_TF_SERVING_WORKER"].split(":")[1])
os.write(channel, b'{"error": "Cannot load the model: why", "exit_code": %d}')
"""


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (TELLS % 2, UserValueError, "Cannot load the model: why"),
        (TELLS % 1, MachineError, "Cannot load the model: why"),
        ("raise SystemExit(3)", MachineError, r"Worker \d of 2 ended before it answered: exit code 3\."),
        ("import os; os.kill(os.getpid(), 9)", MachineError, r"ended before it answered: signal 9, Killed\."),
    ],
)
def test_what_ends_at_the_start_is_told_once(monkeypatch, code, kind, message):
    monkeypatch.setattr("vae_tf.serving.workers.child_command", lambda _: [sys.executable, "-S", "-c", code])
    with pytest.raises(kind, match=message) as error:
        Workers([], 2).run(lambda: pytest.fail("nobody answers"))
    assert type(error.value) is kind
    assert not children(os.getpid())


def test_who_is_started_again_waits_longer_every_time():
    worker = _Worker(1)
    assert [worker.wait_for_next_start() for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    worker.ready_since = time.monotonic() - 61.0
    assert worker.wait_for_next_start() == 0.5


def test_a_reserved_port_is_for_its_own_processes_alone():
    with reserve("127.0.0.1", 0, "--rest-port") as kept:
        port = kept.getsockname()[1]
        for take in (bind, reserve):
            with pytest.raises(UserValueError, match=r"another program has it\. Choose another with --rest-port"):
                take("127.0.0.1", port, "--rest-port")
        with bind("127.0.0.1", port, "", is_shared=True) as one, bind("127.0.0.1", port, "", is_shared=True) as other:
            one.listen()
            other.listen()


def test_where_ports_are_not_shared_that_is_said(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UserValueError, match=r"--workers needs ports that processes share .*darwin has none\. Leave --workers"):
        check_sharing()


def test_arguments_are_given_again_as_they_were():
    again = []
    program = typer.Typer(add_completion=False)

    @program.command()
    def serve(
        context: typer.Context,
        paths: list[Path],
        rest_port: int = 1,
        origin: list[str] | None = None,
        batching: bool = True,
        poll: float = 1.0,
    ):
        again.append(arguments_again(context, rest_port=9))

    call = ["--no-batching", "--origin", "a", "--origin=-b", "--rest-port", "0", "--", "-x", "y"]
    parser(program)(call, standalone_mode=False, prog_name="serve")
    parser(program)(again[0][1:], standalone_mode=False, prog_name="serve")
    assert again[0] == ["serve", "--rest-port=9", "--origin=a", "--origin=-b", "--no-batching", "--", "-x", "y"] == again[1]
