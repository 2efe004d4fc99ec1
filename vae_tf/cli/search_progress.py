"""What `run.py tune` shows while a search runs."""

from typing import TYPE_CHECKING, Any

from rich.text import Text

from vae_tf.cli.common import console
from vae_tf.escaping import visible

if TYPE_CHECKING:
    from vae_tf.tuning.search import SearchSettings, TrialResult

__all__ = ["Listener"]


class Listener:
    """Shows on stderr what a search does.

    Args:
        settings: of the search.
        done: trainings that ended before.

    Attributes:
        total: how many trainings there will be; None where that is not known.
        status: a line that changes.
    """

    def __init__(self, settings: "SearchSettings", done: "list[TrialResult]") -> None:
        self.settings = settings
        self.total: int | None = None
        self.results = {(result.trial, result.execution): result for result in done}
        self.status = console.status("")

    def so_far(self) -> str:
        """Say how far the search is."""
        return f"{len(self.results)} of {self.total} trainings done" if self.total else f"{len(self.results)} trainings done"

    def begin(self, result: "TrialResult") -> None:
        """Say what is trained now."""
        self.status.update(
            Text(visible(f"{self.so_far()}; training {result.trial}-{result.execution}: {_values(result.values)}"))
        )

    def report(self, result: "TrialResult") -> None:
        """Say what a training gave, once."""
        from vae_tf.evaluation.uncertainty import FEW_EXAMPLES, with_error

        key = (result.trial, result.execution)
        if key in self.results:
            return
        self.results[key] = result
        label = f"{result.trial}-{result.execution}  {_values(result.values)}  "
        if result.failure:
            console.print(Text.assemble(visible(label), ("failed:", "red"), " ", visible(result.failure)))
            return
        score = getattr(result, self.settings.objective)
        scores = [getattr(other, self.settings.objective) for other in self.results.values() if not other.failure]
        mark = "  best so far" if score <= min(scores) else ""
        stderr, active = getattr(result, f"{self.settings.objective}_stderr"), f"{result.active} of {result.axes} active"
        error = with_error(score, stderr, FEW_EXAMPLES if result.num_examples is None else result.num_examples)
        numbers = f"{self.settings.objective} {error}  {active}  {result.seconds:.0f} s"
        console.print(Text.assemble(visible(label), numbers, (mark, "green")))


def _values(values: dict[str, Any]) -> str:
    return "  ".join(f"{name}={value}" for name, value in values.items())
