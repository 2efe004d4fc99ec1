"""Several workers of one training on this machine: started together, watched, and started again when one dies."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from vae_tf.cluster import Cluster
from vae_tf.errors import UserError
from vae_tf.processes import child_command, child_environment, note_signal, share_of_cores, signal_code

__all__ = ["Launcher", "LostWorkerError", "free_addresses"]

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 30.0
_USERS_MISTAKE = 2


class LostWorkerError(UserError):
    """Workers died more often than they may."""


def free_addresses(count: int) -> tuple[str, ...]:
    """Return addresses on this machine with ports that nobody listens on.

    Example:
        >>> len(set(free_addresses(3)))
        3
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(f"127.0.0.1:{one.getsockname()[1]}" for one in sockets)


@dataclass
class Launcher:
    """Runs `train` as several workers.

    The chief speaks on this process' own stdout and stderr; the others write logs. When a worker dies, the rest is stopped and
    all are started again: they go on from the last epoch's checkpoint.

    Attributes:
        arguments: of the first start, `train` included.
        run_dir: the run's directory, by which it is resumed.
        num_workers: how many.
        max_restarts: how often all may be started again.
        say: tells people what happens.
    """

    arguments: Sequence[str]
    run_dir: Path
    num_workers: int
    max_restarts: int
    say: Callable[[str], None]
    _processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    _signals: int = 0

    def run(self) -> int:
        """Run the training to its end.

        Returns:
            The exit code: 0; 2 for a mistake in the call; 128 and its number where a signal stopped it.

        Raises:
            LostWorkerError: a worker died once too often.
        """
        before = {number: signal.signal(number, self._forward) for number in (signal.SIGINT, signal.SIGTERM)}
        logs = Path(tempfile.mkdtemp(prefix="vae_tf-workers-"))
        try:
            code = self._run(logs)
        finally:
            self._stop(grace=0.0)
            for number, handler in before.items():
                signal.signal(number, handler)
        if code == 0:
            shutil.rmtree(logs, ignore_errors=True)
        return code

    def _run(self, logs: Path) -> int:
        arguments = list(self.arguments)
        for attempt in range(self.max_restarts + 1):
            self._start(arguments, logs)
            code, number = self._watch()
            last = self._last_words(logs, number)
            if code == _USERS_MISTAKE and not self._signals:
                return self._mistake(number, last)
            self._stop(_GRACE_SECONDS if self._signals else 0.0)
            if self._signals or code == 0:
                return signal_code() if self._signals else int(bool(code))
            how = signal.Signals(-code).name if code < 0 else f"code {code}"
            if attempt == self.max_restarts:
                raise LostWorkerError(f"Worker {number} ended with {how}, and that {attempt + 1} times. {last}".strip())
            arguments = self._resumed(arguments)
            self.say(
                f"Worker {number} ended with {how}. Starting all again, {attempt + 1} of {self.max_restarts} times. {last}"
            )
        raise AssertionError

    def _mistake(self, number: int, last: str) -> int:
        """Say what a worker complained of, unless the chief, which makes the same mistakes, says so itself."""
        if number:
            self._wait(_GRACE_SECONDS, self._processes[:1])
            if self._processes[0].poll() != _USERS_MISTAKE:
                self.say(last)
        return _USERS_MISTAKE

    def _resumed(self, arguments: list[str]) -> list[str]:
        """Return the arguments that go on with the run, if it was begun at all."""
        if not (self.run_dir / "config.yaml").exists():
            return arguments
        kept = ["--json"] if "--json" in arguments else []
        return ["train", "--resume", "--run-dir", str(self.run_dir), *kept]

    def _start(self, arguments: list[str], logs: Path) -> None:
        addresses = free_addresses(self.num_workers)
        command, shared = child_command(arguments), {**share_of_cores(self.num_workers), **child_environment()}
        self._processes = []
        for number in range(self.num_workers):
            environment = {**shared, "TF_CONFIG": Cluster(addresses, number).tf_config}
            with ExitStack() as stack:
                output = stack.enter_context((logs / f"worker{number}.log").open("ab")) if number else None
                self._processes.append(
                    subprocess.Popen(  # noqa: S603 - our own command, without a shell
                        command, env=environment, stdout=output, stderr=output, start_new_session=True
                    )
                )

    def _watch(self) -> tuple[int, int]:
        """Wait for the end of all, or for the first that fails; return its code and number."""
        deadline: float | None = None
        while True:
            codes = [process.poll() for process in self._processes]
            failed = next(((code, number) for number, code in enumerate(codes) if code), None)
            if failed and not self._signals:
                return failed
            if all(code is not None for code in codes):
                return failed or (0, 0)
            if self._signals:
                deadline = deadline or time.monotonic() + _GRACE_SECONDS
                if self._signals > 1 or (failed and time.monotonic() > deadline):
                    return failed or (1, 0)
            time.sleep(_POLL_SECONDS)

    def _stop(self, grace: float) -> None:
        """End what still runs: it may wait for the dead, and a checkpoint is at most an epoch old."""
        self._wait(grace, self._processes)
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def _wait(self, seconds: float, processes: "list[subprocess.Popen[bytes]]") -> None:
        deadline = time.monotonic() + seconds
        while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)

    def _forward(self, number: int, frame: FrameType | None) -> None:
        """Ask all workers to finish their epoch; asked again, stop at once."""
        self._signals += 1
        note_signal(number)
        for process in self._processes:
            if process.poll() is None:
                process.terminate() if self._signals == 1 else process.kill()

    def _last_words(self, logs: Path, number: int) -> str:
        """Return the last line of a worker's log; the chief has none."""
        log = logs / f"worker{number}.log"
        lines = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
        return f"Its last words: {lines[-1]} (log: {log})" if lines else ""
