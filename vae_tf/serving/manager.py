"""Models and their versions: found in folders, loaded, announced, unloaded; a request holds on to the version it uses.

The policy is TensorFlow Serving's availability-preserving one: the newest wanted version is loaded first, and what is no longer
wanted goes only when something wanted is there.
"""

import asyncio
import contextlib
import gc
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae_tf.errors import UserError
from vae_tf.serving.codes import Code, ServingError, State, invalid
from vae_tf.serving.loaded_model import LoadedModel, replay_warmup
from vae_tf.serving.log import LOG, log_event
from vae_tf.serving.model_config import ModelConfig, read_model_config
from vae_tf.serving.versions import Served, Version, folder_of, list_numbers

__all__ = ["ManagerOptions", "ModelManager"]


@dataclass(frozen=True)
class ManagerOptions:
    """How folders are watched.

    Attributes:
        poll_seconds: between looks at the folders; 0 looks once.
        config_poll_seconds: between looks at the configuration file; 0 looks once.
        num_retries: how often a failed load is tried again.
        retry_seconds: time between.
        warm_up: whether warm-up requests are replayed before a version is announced.
    """

    poll_seconds: float = 1.0
    config_poll_seconds: float = 0.0
    num_retries: int = 5
    retry_seconds: float = 60.0
    warm_up: bool = True


class ModelManager:
    """Keeps the wanted versions of models loaded; its methods are called in one event loop.

    Args:
        models: what to serve.
        options: how folders are watched.
        config_file: read again from time to time, if that is wanted.
        load: loads a version's folder; runs in a thread.
    """

    def __init__(
        self,
        models: Iterable[ModelConfig],
        options: ManagerOptions | None = None,
        config_file: Path | None = None,
        load: Callable[[Path], LoadedModel] = LoadedModel,
    ) -> None:
        self.options = options or ManagerOptions()
        self._served = {model.name: Served(model) for model in models}
        self._config_file = config_file
        self._config_read = time.monotonic()
        self._load = load
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="load")
        self._tasks: set[asyncio.Task[None]] = set()
        self._said: dict[str, Any] = {}

    # --- requests ---

    @contextmanager
    def use(self, name: str, number: int | None = None, label: str | None = None) -> Iterator[Version]:
        """Give a version that answers, and keep it loaded while the block runs; without number or label, the newest.

        Raises:
            ServingError: NOT_FOUND; INVALID_ARGUMENT for an unknown label.
        """
        version = self._find(name, number, label)
        version.num_users += 1
        try:
            yield version
        finally:
            version.num_users -= 1

    def _find(self, name: str, number: int | None, label: str | None) -> Version:
        served = self._served.get(name)
        if label is not None:
            if served is None or label not in served.labels:
                raise invalid(f"Unrecognized servable version label: {label}")
            number = served.labels[label]
        available = served.available() if served else []
        if number is None and available:
            number = available[-1]
        if served is None or number not in available:
            wanted = f"Latest({name})" if number is None else f"Specific({name}, {number})"
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
        return served.versions[number]

    def status(self, name: str, number: int | None = None) -> list[Version]:
        """Return what is known of a model's versions, newest first.

        Raises:
            ServingError: NOT_FOUND.
        """
        served = self._served.get(name)
        versions = sorted(served.versions.values(), key=lambda version: -version.number) if served else []
        if number is not None:
            versions = [version for version in versions if version.number == number]
            if not versions:
                raise ServingError(Code.NOT_FOUND, f"Could not find version {number} of model {name}")
        if not versions:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        return versions

    def answering(self) -> dict[str, bool]:
        """Return the models that are wanted, and whether a version of each answers."""
        return {name: bool(served.available()) for name, served in self._served.items() if served.config.specific != (-1,)}

    # --- versions ---

    async def start(self) -> None:
        """Load what is wanted, and return when every model has a version that answers.

        Raises:
            ServingError: a model's newest version cannot be loaded.
        """
        while True:
            await self._reconcile_all()
            lacking = [served for served in self._served.values() if not served.available()]
            if not lacking:
                return
            for served in lacking:
                failed = [version for version in served.versions.values() if version.error]
                if failed:
                    raise failed[-1].error or AssertionError
            self._say("waiting", models=[served.config.name for served in lacking])
            await asyncio.sleep(self.options.poll_seconds or 1.0)

    async def watch(self) -> None:
        """Look at the folders and the configuration file until cancelled."""
        while self.options.poll_seconds:
            await asyncio.sleep(self.options.poll_seconds)
            try:
                self._reread_config()
                await self._reconcile_all()
                self._said.pop("watching failed", None)
            except Exception as error:  # one bad look must not end all looking
                if self._is_news("watching failed", repr(error)):
                    LOG.exception("watching failed")

    def apply(self, models: Iterable[ModelConfig], labels_wait: bool = False) -> None:
        """Replace the configuration: models left out are unloaded, labels move.

        Args:
            models: all that are to be served.
            labels_wait: a label of a version that does not answer yet moves when it does; until then it stays where it was.

        Raises:
            ServingError: FAILED_PRECONDITION for a label of a version that does not answer; nothing is changed then.
        """
        models = list(models)
        for model in () if labels_wait else models:
            available = self._served[model.name].available() if model.name in self._served else []
            for label, number in model.labels.items():
                if number not in available:
                    raise ServingError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label {label} to version {number} of model {model.name}, "
                        "which is not currently available",
                    )
        wanted = {model.name: model for model in models}
        for name, served in self._served.items():
            served.config = wanted.pop(name, ModelConfig(name, Path(), specific=(-1,)))
        self._served |= {name: Served(model) for name, model in wanted.items()}
        for served in self._served.values():
            served.move_labels()

    def _reread_config(self) -> None:
        due = self.options.config_poll_seconds and time.monotonic() - self._config_read >= self.options.config_poll_seconds
        if not (due and self._config_file):
            return
        self._config_read = time.monotonic()
        try:
            self.apply(read_model_config(self._config_file), labels_wait=True)
            self._said.pop("bad configuration", None)
        except UserError as error:
            self._say("bad configuration", file=self._config_file, error=str(error))

    def _say(self, event: str, **fields: Any) -> None:
        """Log what happens again at every look once, until it is something else."""
        if self._is_news(event, fields):
            log_event(event, **fields)

    def _is_news(self, what: str, told: Any) -> bool:
        is_news = self._said.get(what) != told
        self._said[what] = told
        return is_news

    async def _reconcile_all(self) -> None:
        await asyncio.gather(*[self._reconcile(served) for served in list(self._served.values())])

    async def _reconcile(self, served: Served) -> None:
        """Compare the folder with what is loaded, and move one towards the other."""
        if served.lock.locked():
            return  # the look before is still loading
        async with served.lock:
            removed = served.config.specific == (-1,)
            found = [] if removed else list_numbers(served.config.base_path)
            if found is None:
                return  # a missing folder changes nothing
            wanted = served.config.select(found)
            for number in sorted(wanted, reverse=True):
                await self._ensure(served, number)
            waiting = served.move_labels()  # before what they named is unloaded
            if self._is_news(f"labels of {served.config.name}", waiting) and waiting:
                log_event("labels wait", model=served.config.name, labels=waiting)
            if served.available() and not (wanted & set(served.available())) and wanted:
                return  # what is loaded stays until something wanted answers
            for number in served.available():
                if number not in wanted:
                    self._spawn(self._replace(served.versions[number]))
            for number, version in list(served.versions.items()):
                if number not in wanted and version.error:
                    version.state = State.END
                    version.num_attempts = 0

    async def _ensure(self, served: Served, number: int) -> None:
        version = served.versions.get(number)
        if version is None or (version.state is State.END and not (version.error and version.num_attempts)):
            version = served.versions[number] = Version(served.config.name, number)
        if version.state not in (State.START, State.LOADING) or time.monotonic() < version.next_attempt:
            return
        version.state, version.error = State.LOADING, None
        version.num_attempts += 1
        began = time.perf_counter()
        try:
            version.model = await asyncio.get_running_loop().run_in_executor(
                self._loader, self._load_version, folder_of(served.config.base_path, number)
            )
        except ServingError as error:
            version.error = error
            is_last = version.num_attempts > self.options.num_retries
            version.state = State.END if is_last else State.LOADING
            version.next_attempt = time.monotonic() + self.options.retry_seconds
            log_event("load failed", model=version.name, version=number, error=str(error), attempt=version.num_attempts)
        else:
            _keep_what_is_there()
            version.state = State.AVAILABLE
            log_event("available", model=version.name, version=number, seconds=round(time.perf_counter() - began, 3))

    def _load_version(self, path: Path) -> LoadedModel:
        model = self._load(path)
        try:
            if self.options.warm_up:
                replay_warmup(model)
        except BaseException:
            model.close()
            raise
        return model

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _unload(self, version: Version) -> None:
        """Free a version when its last request is answered."""
        if version.state is not State.AVAILABLE:
            return
        version.state = State.UNLOADING
        while version.num_users:
            await asyncio.sleep(0.01)
        model, version.model = version.model, None
        if model:
            await asyncio.get_running_loop().run_in_executor(self._loader, model.close)
        version.state = State.END
        log_event("unloaded", model=version.name, version=version.number)

    async def _replace(self, version: Version) -> None:
        """Free a version while others go on: its graph is cycles of objects that the collector was told to pass over."""
        await self._unload(version)
        gc.unfreeze()
        _keep_what_is_there()

    async def close(self) -> None:
        """Unload everything."""
        for served in self._served.values():
            for version in served.versions.values():
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._unload(version), 5.0)
        self._loader.shutdown(wait=False, cancel_futures=True)
        gc.unfreeze()  # the process may go on without a server


def _keep_what_is_there() -> None:
    """Collect what is gone; the collector, set off by long requests, passes over the rest: a graph is a million objects."""
    gc.collect()
    gc.freeze()
