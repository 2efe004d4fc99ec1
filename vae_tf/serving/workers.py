"""Several processes that answer on the same ports: started together, watched, each started again when it ends.

They share nothing but the ports, among which the system spreads connections, and the folder in which requests are counted.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import orjson

from vae_tf.errors import MachineError, UserError, UserValueError
from vae_tf.processes import child_command, child_environment, share_of_cores
from vae_tf.serving.log import log_event
from vae_tf.serving.metrics import SHARED_FOLDER_VARIABLE

__all__ = ["WorkerPlace", "Workers"]

_VARIABLE = "VAE_TF_SERVING_WORKER"
_POLL_SECONDS = 0.1
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0
_STEADY_SECONDS = 60.0
"""After which the end of a worker counts as its first again."""
_END_SECONDS = 45.0
"""In which workers must have ended that were asked to: more than they let their requests run on."""
_LONGEST_MESSAGE = 65536


@dataclass(frozen=True)
class WorkerPlace:
    """Which of several workers this process is, and where it tells how it goes.

    Attributes:
        number: from 1.
        channel: descriptor of the pipe to the process that started it.
    """

    number: int
    channel: int

    @classmethod
    def here(cls) -> "WorkerPlace | None":
        """Return this process' place; None where it is no worker.

        Example:
            >>> WorkerPlace.here() is None
            True
        """
        number, separator, channel = os.environ.get(_VARIABLE, "").partition(":")
        return cls(int(number), int(channel)) if separator else None

    def tell_ready(self) -> None:
        """Say that it answers."""
        self._tell({"ready": True})

    def tell_error(self, error: UserError) -> None:
        """Say why it ends: it is told once, however many workers find it."""
        self._tell({"error": str(error), "exit_code": error.exit_code})

    def _tell(self, message: dict[str, object]) -> None:
        with contextlib.suppress(OSError):  # nobody is there: then it ends with that
            os.write(self.channel, orjson.dumps(message) + b"\n")


@dataclass
class _Worker:
    """One worker process, as often as it is started."""

    number: int
    process: "subprocess.Popen[bytes] | None" = None
    told: dict[str, Any] = field(default_factory=dict)
    ready_since: float | None = None
    num_ends: int = 0
    next_start: float = 0.0
    _reader: int = -1

    def start(self, command: Sequence[str], environment: dict[str, str]) -> None:
        """Start the process, in a session of its own: Ctrl-C at the terminal reaches the one that watches alone."""
        self.told, self.ready_since = {}, None
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        environment = {**environment, _VARIABLE: f"{self.number}:{writer}"}
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own command, without a shell
                command, env=environment, pass_fds=[writer], stdin=subprocess.DEVNULL, start_new_session=True
            )
        finally:
            os.close(writer)
            if self.process is None:
                os.close(self._reader)

    def look(self) -> str | None:
        """Hear what it tells; return how it ended, or None while it runs or is not there."""
        if self.process is None:
            return None
        code = self.process.poll()  # before what it told is read, which is all there then
        with contextlib.suppress(BlockingIOError):
            for line in os.read(self._reader, _LONGEST_MESSAGE).splitlines():
                self.told |= orjson.loads(line)
        if self.told.get("ready") and self.ready_since is None:
            self.ready_since = time.monotonic()
        if code is None:
            return None
        os.close(self._reader)
        self.process = None
        return f"exit code {code}" if code >= 0 else f"signal {-code}, {signal.strsignal(-code)}"

    def wait_for_next_start(self) -> float:
        """Return the seconds until it is started again: twice as many after every end, unless it ran for long."""
        is_steady = self.ready_since is not None and time.monotonic() - self.ready_since > _STEADY_SECONDS
        self.num_ends = 1 if is_steady else self.num_ends + 1
        seconds = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** (self.num_ends - 1))
        self.next_start = time.monotonic() + seconds
        return seconds

    def stop(self) -> None:
        """Let it answer what it was asked; one that answers nobody yet ends at once."""
        if self.process:
            self.process.terminate() if self.ready_since is not None else self.process.kill()


class Workers:
    """Runs a command as several workers until SIGTERM or Ctrl-C.

    Args:
        arguments: of the command line, for every one of them; the process finds its `WorkerPlace`.
        count: workers.
    """

    def __init__(self, arguments: Sequence[str], count: int) -> None:
        self._command = child_command(arguments)
        self._environment = {**child_environment(), **share_of_cores(count)}
        self._workers = [_Worker(number) for number in range(1, count + 1)]
        self._num_signals = 0

    def run(self, on_ready: Callable[[], None]) -> None:
        """Start all, watch them, and drain them when a signal comes.

        Args:
            on_ready: called once, when all answer.

        Raises:
            UserValueError: a worker ended before all were ready, by the user's mistake.
            MachineError: or by something else.
        """
        before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        with tempfile.TemporaryDirectory(prefix="vae_tf-metrics-", ignore_cleanup_errors=True) as folder:
            self._environment[SHARED_FOLDER_VARIABLE] = folder
            try:
                self._start_all()
                self._until(lambda: all(worker.ready_since is not None for worker in self._workers), self._refuse)
                if not self._num_signals:
                    on_ready()
                self._until(lambda: False, self._start_again)
            finally:
                self._end_all()
                for number, handler in before.items():
                    signal.signal(number, handler)

    def _note(self, *_: object) -> None:
        self._num_signals += 1

    def _start_all(self) -> None:
        for worker in self._workers:
            worker.start(self._command, self._environment)

    def _until(self, is_reached: Callable[[], bool], on_end: Callable[[_Worker, int, str], None]) -> None:
        """Watch until something is reached or a signal comes; what ends is given to `on_end`, with its number and how."""
        while not self._num_signals and not is_reached():
            for worker in self._workers:
                pid = worker.process.pid if worker.process else 0
                how = worker.look()
                if how and not self._num_signals:
                    on_end(worker, pid, how)
                if worker.process is None and time.monotonic() >= worker.next_start and not self._num_signals:
                    self._try_to_start(worker)
            time.sleep(_POLL_SECONDS)

    def _refuse(self, worker: _Worker, _: int, how: str) -> NoReturn:
        """Raise what a worker ended by that was needed to begin with."""
        if message := worker.told.get("error"):
            raise (UserValueError if worker.told["exit_code"] == UserValueError.exit_code else MachineError)(message)
        raise MachineError(
            f"Worker {worker.number} of {len(self._workers)} ended before it answered: {how}. What it said stands above; every "
            "worker takes as much memory as one server: try fewer with --workers."
        )

    def _start_again(self, worker: _Worker, pid: int, how: str) -> None:
        seconds = worker.wait_for_next_start()
        reason = {"reason": worker.told["error"]} if "error" in worker.told else {}
        log_event("worker ended", worker=worker.number, pid=pid, how=how, **reason, restart_seconds=seconds)

    def _try_to_start(self, worker: _Worker) -> None:
        try:
            worker.start(self._command, self._environment)
        except OSError as error:  # no memory, no process left: there may be later
            seconds = worker.wait_for_next_start()
            log_event("worker not started", worker=worker.number, reason=str(error), restart_seconds=seconds)

    def _end_all(self) -> None:
        """Ask all to end, and see to it that they do."""
        deadline = time.monotonic() + _END_SECONDS
        for worker in self._workers:
            worker.stop()
        while any(worker.process for worker in self._workers):
            for worker in self._workers:
                if worker.process and time.monotonic() > deadline:
                    worker.process.kill()
                worker.look()
            time.sleep(_POLL_SECONDS / 10)
