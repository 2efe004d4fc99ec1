"""Weights & Biases: a run of its own for every training, with settings, numbers by step, records and pictures."""

import copy
import glob
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vae_tf.errors import MachineError, UserValueError, reason_of

__all__ = ["WandbTracker"]

_PROJECT = "vae_tf"
_FOLDER = "vae_tf"
"""Where files are kept among W&B's own, of which one is called `config.yaml` too."""
_CODES = {"finished": 0, "stopped": 130, "failed": 1}
_QUIET = {
    "silent": True,
    "console": "off",
    "disable_git": True,
    "disable_code": True,
    "disable_job_creation": True,
    "save_code": False,
    "init_timeout": 20.0,
    "finish_timeout": 60.0,
    "finish_timeout_raises": True,
}
"""What W&B is told: it keeps what it is given and nothing else of the program, prints nothing, and waits for no server."""


class WandbTracker:
    """Tells Weights & Biases of one training: `Tracker`.

    Where it is kept is decided by W&B's own environment: WANDB_MODE, WANDB_BASE_URL, WANDB_API_KEY, WANDB_DIR.

    Args:
        place: `PROJECT` or `ENTITY/PROJECT`; empty: WANDB_PROJECT, else `vae_tf`.

    Raises:
        UserValueError: W&B's client is not installed, it has no key, or the place is none.
        MachineError: the server does not answer, or does not take the key.
    """

    def __init__(self, place: str) -> None:
        if not re.fullmatch(r"([\w.-]+(/[\w.-]+)?)?", place):
            raise UserValueError(f"--track takes wandb:PROJECT or wandb:ENTITY/PROJECT. Received: 'wandb:{place}'.")
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # nothing goes elsewhere
        try:
            import wandb
        except ImportError as error:
            raise UserValueError(
                "--track wandb needs Weights & Biases' client: pip install --require-hashes -r requirements-wandb.lock, or "
                "vae_tf[wandb]."
            ) from error
        entity, _, project = place.rpartition("/")
        self._entity, self._project = entity or None, project or os.environ.get("WANDB_PROJECT") or _PROJECT
        self._wandb: Any = wandb
        self._run: Any = None
        self._step: int | None = None
        self._group = ""
        self._log_in()

    def _log_in(self) -> None:
        wandb = self._wandb
        settings = wandb.setup(settings=wandb.Settings(silent=True)).settings
        if settings.mode not in {"online", "shared"}:
            return
        try:
            has_key = wandb.login(prompt=False, verify=True)
        except Exception as error:  # of W&B, of its own process
            reason = reason_of(error, 300)
            raise MachineError(f"W&B cannot be used: {reason}. WANDB_MODE=offline keeps it in a folder.") from error
        if not has_key:
            raise UserValueError("W&B has no key: set WANDB_API_KEY, call `wandb login`, or set WANDB_MODE=offline.")

    def start(self, name: str, key: str, settings: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Begin a run of this name, or go on with the one whose id is the key."""
        self._run = self._wandb.init(
            entity=self._entity,
            project=self._project,
            id=key,
            name=name,
            resume="allow",
            config={**settings, **tags},
            allow_val_change=True,
            group=self._group or None,
            job_type="trial" if self._group else None,
            reinit="create_new",
            settings=self._wandb.Settings(**_QUIET),
        )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Keep numbers at a step; where a run that goes on is past it already, as its newest ones."""
        self._step = step
        if step < self._run.step:
            self._run.summary.update(dict(metrics))
        else:
            self._run.log(dict(metrics), step=step)

    def keep(self, file: Path, folder: str = "") -> None:
        """Keep a file among the run's; a picture is shown beside its curves too."""
        root = Path(self._run.dir)
        target = root / _FOLDER / folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        self._run.save(glob.escape(str(target)), base_path=str(root), policy="now")
        if file.suffix == ".png":
            self._run.log({f"{folder}/{file.stem}".strip("/"): self._wandb.Image(str(file))}, step=self._step)

    def tag(self, tags: Mapping[str, str]) -> None:
        """Set values of the run's configuration, by which W&B's tables are filtered."""
        self._run.config.update(dict(tags), allow_val_change=True)

    def within(self) -> "WandbTracker":
        """Return a tracker whose runs are of this one's group."""
        nested = copy.copy(self)
        nested._group, nested._run, nested._step = f"{self._run.name}-{self._run.id[:8]}", None, None
        return nested

    def end(self, ending: str) -> None:
        """Note how it ended, by the exit code, and send what is left."""
        self._run.finish(exit_code=_CODES[ending])
