"""A chief that proposes and workers that train: on this machine, or on several by the library's own environment variables."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer, exit_chief

from vae_tf.errors import UserError
from vae_tf.processes import child_command, child_environment, share_of_cores
from vae_tf.tuning.search import SearchDirectory
from vae_tf.tuning.trials import RunTuner

__all__ = ["WorkerError", "search_as_chief", "search_with_workers"]

_MAX_RESTARTS = 3
_POLL_SECONDS = 0.5
_GRACE_SECONDS = 20.0
_LAST_CALLS_SECONDS = 5.0


class WorkerError(UserError):
    """A worker ended and cannot be started again."""


@contextmanager
def _served(oracle: Any, address: str) -> Iterator[tuple[Any, int]]:
    """Answer workers' questions from the oracle; give the service and its port."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    servicer = OracleServicer(oracle)
    protos.get_service_grpc().add_OracleServicer_to_server(servicer, server)
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise UserError(f"Cannot listen on {address}: {error}. Choose another KERASTUNER_ORACLE_PORT.") from error
    server.start()
    try:
        yield servicer, port
    finally:
        server.stop(grace=1).wait()


def search_as_chief(tuner: RunTuner, on_poll: Callable[[], None]) -> None:
    """Hand out trials to workers on other machines until all are done.

    A worker that was lost in the middle of a trial is waited for: start it again with the same KERASTUNER_TUNER_ID, and it is
    given that trial again.

    Args:
        tuner: of the search, with its state.
        on_poll: called twice a second.
    """
    address = f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"
    tuner.oracle.save()
    with _served(tuner.oracle, address) as (servicer, _):
        while not (servicer.stop_triggered and not tuner.oracle.ongoing_trials):
            on_poll()
            time.sleep(_POLL_SECONDS)
        deadline = time.monotonic() + _LAST_CALLS_SECONDS
        while not exit_chief(tuner.oracle) and time.monotonic() < deadline:  # those who have yet to hear that it is over
            time.sleep(_POLL_SECONDS)
        on_poll()


@dataclass
class _Worker:
    """One worker process: its command, its log, how often it was started."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    restarts: int = 0
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(  # noqa: S603 - our own command, without a shell
                self.command, env=self.environment, stdout=file, stderr=file, start_new_session=True
            )

    def is_done(self) -> bool:
        """Return whether it ended well; start it again where it was killed.

        Raises:
            WorkerError: it ended by its own fault, or too often.
        """
        code = self.process.poll() if self.process else None
        if code is None:
            return False
        if code == 0:
            return True
        if code < 0 and self.restarts < _MAX_RESTARTS:
            self.restarts += 1
            self.start()
            return False
        raise WorkerError(f"{self._why(code)} Its log: {self.log}. Finished trials are kept; go on with --resume.")

    def _why(self, code: int) -> str:
        if code < 0:
            return f"Worker {self.name} was killed {self.restarts + 1} times, the last time by {signal.Signals(-code).name}."
        lines = self.log.read_text("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        return f"Worker {self.name} ended with code {code}: {lines[-1]}"

    def stop(self) -> None:
        """Let it finish its epoch, but not for long."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def search_with_workers(tuner: RunTuner, search: SearchDirectory, count: int, on_poll: Callable[[], None]) -> None:
    """Run a search on this machine with several worker processes.

    A worker that is killed is started again, up to three times, and is given its trial again; the others go on.

    Args:
        tuner: of the search, with its state; it trains nothing itself.
        search: the folder; workers write their logs below `workers`.
        count: workers.
        on_poll: called twice a second.

    Raises:
        WorkerError: a worker failed by a mistake or fault, or was killed too often.
    """
    tuner.oracle.save()
    with _served(tuner.oracle, "127.0.0.1:0") as (_, port):
        workers = [_make_worker(search, index, count, port) for index in range(count)]
        try:
            for worker in workers:
                worker.start()
            waiting = workers
            while waiting := [worker for worker in waiting if not worker.is_done()]:
                on_poll()
                time.sleep(_POLL_SECONDS)
        finally:
            with futures.ThreadPoolExecutor(count) as pool:
                list(pool.map(_Worker.stop, workers))
        on_poll()


def _make_worker(search: SearchDirectory, index: int, count: int, port: int) -> _Worker:
    name = f"tuner{index}"
    environment = {
        **child_environment(),
        **share_of_cores(count),
        "KERASTUNER_TUNER_ID": name,
        "KERASTUNER_ORACLE_IP": "127.0.0.1",
        "KERASTUNER_ORACLE_PORT": str(port),
    }
    folder = search.path.absolute()
    arguments = ["tune", "--resume", "--output", str(folder.parent), "--name", folder.name]
    return _Worker(name, child_command(arguments), environment, search.path / "workers" / f"{name}.log")
