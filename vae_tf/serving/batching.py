"""Dynamic batching: requests that wait at the same time are computed as one, row beside row."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from vae_tf.serving.codes import Code, ServingError
from vae_tf.serving.tensors import SignatureInfo

__all__ = ["Batcher", "BatchingOptions"]

_SAYS_ROW = re.compile(r" in row \d+$")

Arrays = dict[str, np.ndarray]
Run = Callable[[SignatureInfo, Arrays, Sequence[str] | None], Arrays]


@dataclass(frozen=True, kw_only=True)
class BatchingOptions:
    """How requests are merged.

    Attributes:
        max_batch_size: rows in one computation; a request with more is computed alone.
        batch_timeout: seconds that the first request waits for others; 0 takes who is there when a thread is free.
        max_enqueued_rows: rows waiting; beyond it requests are refused.
        num_threads: computations at the same time.
        enabled: whether requests are merged at all.
    """

    max_batch_size: int = 64
    batch_timeout: float = 0.0
    max_enqueued_rows: int = 4096
    num_threads: int = 2
    enabled: bool = True


@dataclass(eq=False)
class _Task:
    inputs: Arrays
    num_rows: int
    answer: "asyncio.Future[Arrays]"
    since: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class _Queue:
    """Requests that can be merged: one model, signature, set of outputs, and shapes of rows."""

    run: Run
    signature: SignatureInfo
    outputs: Sequence[str] | None
    tasks: deque[_Task] = field(default_factory=deque)

    def take(self, most_rows: int) -> list[_Task]:
        """Take requests from the front, at least one and no more rows than allowed; leave out those given up."""
        taken: list[_Task] = []
        rows = 0
        while self.tasks and (not taken or rows + self.tasks[0].num_rows <= most_rows):
            task = self.tasks.popleft()
            if not task.answer.done():
                taken.append(task)
                rows += task.num_rows
        return taken


class Batcher:
    """Merges requests; all its methods are called in one event loop, computations run in the executor's threads.

    Args:
        options: sizes and waiting times.
        executor: with at least `options.num_threads` threads.
    """

    def __init__(self, options: BatchingOptions, executor: Executor) -> None:
        self.options = options
        self._executor = executor
        self._queues: dict[Any, _Queue] = {}
        self._num_running = 0
        self._num_waiting = 0
        self._timer: asyncio.TimerHandle | None = None

    async def run(
        self,
        owner: Any,
        run: Run,
        signature: SignatureInfo,
        inputs: Arrays,
        outputs: Sequence[str] | None = None,
        timeout: float | None = None,
    ) -> Arrays:
        """Compute a request, alone or with others.

        Args:
            owner: the model; requests of different ones are never merged.
            run: computes; called in a thread.
            signature: which function.
            inputs: alias to array.
            outputs: aliases wanted; None for all.
            timeout: seconds to wait for the answer.

        Raises:
            ServingError: DEADLINE_EXCEEDED; UNAVAILABLE when too much waits; else what `run` raises.
        """
        if self._num_waiting >= self.options.max_enqueued_rows:
            raise ServingError(Code.UNAVAILABLE, "The batch scheduling queue to which this task was submitted is full")
        num_rows = _count_rows(inputs) if self.options.enabled and signature.can_batch else 0
        if num_rows:
            shapes = tuple(value.shape[1:] for value in inputs.values())
            key: Any = (owner, signature.name, tuple(outputs or ()), shapes)
        else:
            key = object()  # a queue of its own
        loop = asyncio.get_running_loop()
        task = _Task(inputs, num_rows, loop.create_future())
        timer = None if timeout is None else loop.call_later(timeout, _expire, task.answer)
        self._queues.setdefault(key, _Queue(run, signature, outputs)).tasks.append(task)
        self._num_waiting += num_rows
        try:
            self._start()
            return await task.answer
        finally:
            self._num_waiting -= num_rows
            if timer:
                timer.cancel()

    def _start(self) -> None:
        """Start as many computations as threads are free for, queue after queue."""
        while self._num_running < self.options.num_threads:
            key = self._next_ready()
            if key is None:
                return
            queue = self._queues.pop(key)
            tasks = queue.take(self.options.max_batch_size)
            if queue.tasks:
                self._queues[key] = queue  # at the end of the line
            if tasks:
                self._num_running += 1
                future = asyncio.get_running_loop().run_in_executor(self._executor, _compute, queue, tasks)
                future.add_done_callback(partial(self._finish, tasks))

    def _next_ready(self) -> Any:
        """Return the first queue that is full or has waited long enough; else set a timer for the soonest."""
        now = time.monotonic()
        soonest = None
        for key, queue in self._queues.items():
            due = queue.tasks[0].since + self.options.batch_timeout
            rows = sum(task.num_rows for task in queue.tasks)
            if due <= now or rows >= self.options.max_batch_size or not queue.tasks[0].num_rows:
                return key
            soonest = due if soonest is None else min(soonest, due)
        if soonest is not None:
            if self._timer:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(soonest - now, self._start)
        return None

    def _finish(self, tasks: list[_Task], done: "asyncio.Future[list[Arrays | Exception]]") -> None:
        self._num_running -= 1
        error = done.exception()
        answers: Sequence[Any] = [error] * len(tasks) if error else done.result()
        for task, answer in zip(tasks, answers, strict=True):
            if task.answer.done():
                continue  # its client has gone
            if isinstance(answer, BaseException):
                task.answer.set_exception(answer)
            else:
                task.answer.set_result(answer)
        self._start()


def _expire(answer: "asyncio.Future[Arrays]") -> None:
    if not answer.done():
        answer.set_exception(ServingError(Code.DEADLINE_EXCEEDED, "Timed out waiting for notification"))


def _count_rows(inputs: Arrays) -> int:
    """Return the common number of rows; 0 where there is none, so that the request is computed alone."""
    counts = {value.shape[0] if value.ndim else 0 for value in inputs.values()}
    return counts.pop() if len(counts) == 1 else 0


def _compute(queue: _Queue, tasks: list[_Task]) -> list[Arrays | Exception]:
    """Compute requests as one; if that fails, each for itself: nobody fails for a neighbour's fault."""
    if len(tasks) > 1:
        merged = {alias: np.concatenate([task.inputs[alias] for task in tasks]) for alias in queue.signature.inputs}
        rows = [task.num_rows for task in tasks]
        try:
            outputs = queue.run(queue.signature, merged, queue.outputs)
        except ServingError:
            pass
        else:
            if all(value.ndim and len(value) == sum(rows) for value in outputs.values()):
                ends = np.cumsum(rows)
                return [
                    {alias: value[end - count : end] for alias, value in outputs.items()}
                    for end, count in zip(ends, rows, strict=True)
                ]
    return [_alone(queue, task) for task in tasks]


def _alone(queue: _Queue, task: _Task) -> Arrays | Exception:
    try:
        return queue.run(queue.signature, task.inputs, queue.outputs)
    except ServingError as error:
        return _with_row(queue, task, error)


def _with_row(queue: _Queue, task: _Task, error: ServingError) -> ServingError:
    """Return the error of a request, with the row that it is of, where that is not said and can be found."""
    if error.code is not Code.INVALID_ARGUMENT or _SAYS_ROW.search(error.message) or not task.num_rows:
        return error
    first, last = 0, task.num_rows
    while last - first > 1:  # halves: all that is tried is no more than the request once again
        middle = (first + last) // 2
        first, last = (first, middle) if _error_of(queue, task, first, middle) else (middle, last)
    found = _error_of(queue, task, first, last)
    if found is None:
        return error
    strings = [alias for alias, info in queue.signature.inputs.items() if info.dtype == "string"]
    where = f"input {strings[0]}, " if len(strings) == 1 else ""
    return ServingError(found.code, f"{found.message} ({where}row {first})")


def _error_of(queue: _Queue, task: _Task, first: int, last: int) -> ServingError | None:
    """Return what some rows of a request fail by, or None."""
    try:
        queue.run(queue.signature, {alias: value[first:last] for alias, value in task.inputs.items()}, queue.outputs)
    except ServingError as error:
        return error
    return None
