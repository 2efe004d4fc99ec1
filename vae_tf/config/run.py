"""RunConfig, training and evaluation."""

from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import Field, field_validator

from vae_tf.config.data import DataConfig, absolute
from vae_tf.config.model import ModelConfig
from vae_tf.parts.settings import Frozen
from vae_tf.parts.types import (
    AugmentationsLike,
    NonNegativeFloat,
    NumberLike,
    ObjectiveLike,
    OrAuto,
    PositiveFloat,
    PositiveInt,
    RateLike,
    ShareLike,
    SizeLike,
    SwitchLike,
)

__all__ = ["PUBLISHED", "RECORDED", "EvaluationConfig", "RunConfig", "TrainingConfig"]


PUBLISHED: dict[str, Any] = {
    "objective": "elbo",
    "training": {
        "learning_rate": 1e-3,
        "clip_norm": None,
        "average": 0.0,
        "patience": None,
        "evaluate_every": 1,
        "validation_draws": 1,
        "augment": [],
    },
}
"""What a protocol that does not speak of these means: presets, and runs that were written before the data could decide them."""
_PICTURES = {
    "fit": "stretch",
    "alpha": "drop",
    "turn": False,
    "profile": "ignore",
    "suffixes": [".png", ".jpg", ".jpeg"],
    "links": False,
}
_OTHERS = {"normalization": "none", "line_ends": "any", "series": False}
RECORDED: dict[str, Any] = {
    **PUBLISHED,
    "data": {"copies": "apart", "stratify": False, **_PICTURES, **_OTHERS},
    "training": {**PUBLISHED["training"], "jit_compile": False},
}
"""What a run means that does not speak of these: it was written before there was a choice."""


class TrainingConfig(Frozen):
    """How long, how fast, in what precision. What is `auto` the data decide; a run's config.yaml says what it became."""

    epochs: SizeLike = Field(
        "auto", description="passes over the training split; auto: by the number of examples, until validation gets no better"
    )
    steps: PositiveInt | None = Field(None, description="at most so many steps, spread over whole epochs")
    minutes: PositiveFloat | None = Field(None, description="as many epochs as fit into so many minutes, by a measured step")
    parts: PositiveInt = Field(
        1, description="parts of a pass over the training split: each counts as an epoch. A short `minutes` cuts long passes"
    )
    batch_size: SizeLike = Field("auto", description="examples a step; auto: by the number of examples")
    learning_rate: Annotated[RateLike, OrAuto()] = Field(
        "auto", description="a number or a schedule; what it leaves out begins at 0.001 or rises to it"
    )
    clip_norm: NumberLike | None = Field("auto", description="limit of the gradient's global norm")
    weight_decay: NonNegativeFloat = Field(0.0, description="decoupled, as AdamW's (Loshchilov and Hutter 2019)")
    average: ShareLike = Field("auto", description="momentum of the moving average of the weights that is the model; 0: none")
    patience: SizeLike | None = Field("auto", description="epochs without a better val_negative_elbo before stopping")
    evaluate_every: SizeLike = Field("auto", description="epochs between two looks at validation, and checkpoints")
    validation_draws: SizeLike = Field("auto", description="draws of z an example of the validation split")
    select: Literal["best", "last"] = Field("best", description="epoch of the model: least val_negative_elbo, or the last")
    init_from: str | None = Field(None, description="a run whose weights to start from, where names and shapes agree")
    augment: AugmentationsLike = Field(
        "auto", description="changes of training examples, one after another, drawn anew at every step; validation has none"
    )
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    jit_compile: SwitchLike = Field(
        "auto",
        description="make the steps of a go one program of XLA, which draws other random numbers; auto: where that is faster",
    )
    steps_per_execution: PositiveInt | None = Field(None, description="default: chosen from the steps of an epoch")
    profile: bool = Field(False, description="show where the time went, and trace a few steps for TensorBoard's Profile tab")
    pictures_every: PositiveInt | None = Field(
        None, description="epochs between picture grids; default: by time, 4 % of training's"
    )

    @field_validator("learning_rate")
    @classmethod
    def _some_learning(cls, schedule: Any) -> Any:
        value = getattr(schedule, "schedule", schedule)  # of a stepwise one, what it steps through
        numbers = [getattr(value, name) for name in ("value", "start", "stop") if hasattr(value, name)]
        if numbers and max(numbers) <= 0:
            raise ValueError("must be > 0 at some step. Received: 0")
        return schedule


class EvaluationConfig(Frozen):
    """What is measured on the test split when training ends."""

    num_samples: PositiveInt = Field(100, description="importance samples an example for the NLL")
    batch_size: PositiveInt = 500
    num_projected: PositiveInt = Field(2000, description="test examples shown in TensorBoard's projector")


class RunConfig(Frozen):
    """Everything that decides a run: equal configurations and data give equal weights.

    Example:
        >>> config = RunConfig(seed=3)
        >>> RunConfig.model_validate(config.model_dump(mode="json")) == config
        True
    """

    preset: str | None = Field(None, description="the preset it started from, for the record")
    seed: int = Field(0, ge=0, lt=2**31)
    data: DataConfig = DataConfig()
    model: ModelConfig = Field(cast("ModelConfig", {}), description="read when it is validated: parts need TensorFlow")
    objective: ObjectiveLike = Field("auto", description="auto: free_bits for texts, else elbo")
    training: TrainingConfig = Field(cast("TrainingConfig", {}), description="read when it is validated")
    evaluation: EvaluationConfig = EvaluationConfig()

    def located(self) -> "RunConfig":
        """Return the same with absolute paths: what is written of a run means the same wherever it is read."""
        training, start = self.training, self.training.init_from
        training = training.model_copy(update={"init_from": absolute(start)}) if start else training
        return self.model_copy(update={"data": self.data.located(), "training": training})

    def without_folders(self) -> "RunConfig":
        """Return the same with the names of files and folders alone: what is given to others tells of no machine."""
        training, start = self.training, self.training.init_from
        training = training.model_copy(update={"init_from": Path(start).name}) if start else training
        return self.model_copy(update={"data": self.data.without_folders(), "training": training})
