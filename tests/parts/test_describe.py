"""What parts say of themselves: settings in words, papers, owners."""

from types import SimpleNamespace
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Interval, Len
from pydantic import Field

from vae_tf.parts import (
    ANNEALED,
    KL_WARM_UP,
    Given,
    LikelihoodLike,
    Name,
    NonNegativeInt,
    ObjectiveLike,
    PositiveFloat,
    PositiveInt,
    Prior,
    PriorLike,
    Schedule,
    ScheduleLike,
    SmoothLike,
    TemperatureLike,
    find,
    kinds,
    register,
)
from vae_tf.parts.describe import PACKAGE, describe, describe_all
from vae_tf.parts.known import all_parts
from vae_tf.parts.registry import check_defaults
from vae_tf.parts.settings import settings_of
from vae_tf.parts.wording import default_text, type_text


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, "whole number"),
        (PositiveInt, "whole number >= 1"),
        (NonNegativeInt | None, "whole number >= 0; or null"),
        (Annotated[int | None, Field(ge=2)], "whole number >= 2; or null"),
        (PositiveFloat, "number > 0"),
        (Annotated[float, Field(gt=0, le=0.5)], "number > 0 and <= 0.5"),
        (Annotated[float, Interval(ge=-1, lt=1)], "number >= -1 and < 1"),
        (bool, "true or false"),
        (str, "text"),
        (Any, "anything"),
        (Name, "name of a-z, 0-9 and _"),
        (Name | None, "name of a-z, 0-9 and _; or null"),
        (Literal["relu", "elu"], "one of relu, elu"),
        (Literal[1, 2], "one of 1, 2"),
        (tuple[PositiveInt, ...], "list of whole numbers >= 1"),
        (list[str], "list of texts"),
        (Annotated[tuple[PositiveInt, ...], Field(min_length=2)], "list of whole numbers >= 1, at least 2"),
        (Annotated[list[float], Len(1, 3)], "list of numbers, at least 1 and at most 3"),
        (list[tuple[int, ...]], "list of lists of whole numbers"),
        (tuple[int, float], "list of 2: whole number, number"),
        (list[Name], "list of names of a-z, 0-9 and _"),
        (dict[str, float], "mapping of names to numbers"),
        (dict[str, ScheduleLike] | None, "mapping of names to numbers or schedules; or null"),
        (PriorLike, "a prior"),
        (ObjectiveLike, "an objective"),
        (list[LikelihoodLike], "list of likelihoods"),
        (ScheduleLike, "a number or a schedule"),
        (TemperatureLike, "a number or a schedule, > 0 at every step"),
        (SmoothLike, "a number or a schedule, not one made of another"),
        (int | str, "whole number or text"),
    ],
)
def test_types_are_written_for_people(annotation, expected):
    assert type_text(annotation) == expected


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (int, 10_000, "10000"),
        (float, 6.0, "6"),
        (float, 1e-5, "0.00001"),
        (float, 0.5, "0.5"),
        (bool, False, "false"),
        (str | None, None, "null"),
        (str, "", '""'),
        (str, "none", "none"),
        (tuple[int, ...], (32, 64), "[32, 64]"),
        (tuple[int, ...], (), "[]"),
        (dict[str, float], {"a": 1.0}, "{a: 1}"),
        (PriorLike, "standard", "standard"),
        (PriorLike, {"kind": "mixture", "num_components": 3}, "mixture, num_components 3"),
        (PriorLike, {"kind": "mixture", "num_components": 10}, "mixture"),
        (ScheduleLike, 0.001, "0.001"),
        (ScheduleLike, KL_WARM_UP, "linear, 0 to 1 in auto steps"),
        (ScheduleLike, {**KL_WARM_UP, "after": 50}, "linear, 0 to 1 in auto steps, after 50"),
        (TemperatureLike, ANNEALED, "exponential"),
        (TemperatureLike, {"kind": "exponential", "rate": 0.01}, "exponential, rate 0.01"),
    ],
)
def test_defaults_are_written_as_in_a_configuration(annotation, default, expected):
    assert default_text(annotation, default) == expected


@pytest.mark.parametrize("name", list(all_parts()))
def test_every_part_and_every_setting_of_it_is_described(name):
    described = describe(all_parts()[name])
    assert described.summary.endswith(".") and described.owner == PACKAGE
    assert [one.name for one in described.settings] == list(settings_of(all_parts()[name]).model_fields)[1:]
    for one in described.settings:
        assert one.text, f"{name}: the docstring has no line for {one.name}"
        assert "as those of" not in one.text and "see above" not in one.text, f"{name}.{one.name} speaks of another text"
        assert one.type and "typing" not in one.type and "Annotated" not in one.type and "'>" not in one.type
        assert one.default or name == "schedule constant"


@pytest.mark.parametrize(
    ("slot", "kind", "paper"),
    [
        ("latent", "categorical", "Jang, Gu, Poole 2017; Maddison, Mnih, Teh 2017"),
        ("latent", "gaussian", "Kingma and Welling 2014, section 2.4"),
        ("likelihood", "categorical", "van den Oord, Kalchbrenner, Kavukcuoglu 2016"),
        ("network", "mlp", ""),
    ],
)
def test_the_paper_stands_in_parentheses_with_a_year(slot, kind, paper):
    assert describe(find(slot, kind)).paper == paper


def test_the_text_beside_the_paper_does_not_repeat_it():
    described = describe(find("latent", "categorical"))
    assert described.text == "N categorical variables of K classes." and described.paper in described.summary


def test_describe_all_has_every_part_once():
    assert [f"{one.slot} {one.kind}" for one in describe_all()] == list(all_parts())
    assert [one.kind for one in describe_all("network")] == list(kinds("network"))


def test_a_class_with_few_words_is_described_all_the_same(restored_parts):
    @register("hasty")
    class Hasty(Schedule):
        def __init__(self, value: float, more: list[bool] | None = None) -> None:
            self.value, self.more = value, more

    described = describe(Hasty)
    assert (described.summary, described.paper, described.owner) == ("", "", __name__)
    assert [(one.name, one.type, one.default, one.text) for one in described.settings] == [
        ("value", "number", "", ""),
        ("more", "list of true or false; or null", "null", ""),
    ]


def test_a_part_of_an_installed_package_is_that_package_s_with_its_version(restored_parts, monkeypatch):
    point = SimpleNamespace(module="their_parts.slow", dist=SimpleNamespace(name="their-parts", version="2.1"))
    stray = SimpleNamespace(module="other.parts", dist=None)
    monkeypatch.setattr("vae_tf.parts.describe.entry_points", lambda group: [stray, point] if group == "vae_tf.parts" else [])
    theirs = type("Slow", (Schedule,), {"__module__": "their_parts.schedules", "__doc__": "Slow."})
    assert describe(register("slow")(theirs)).owner == "their-parts 2.1"


def test_a_subclass_inherits_the_lines_of_the_arguments_it_keeps(restored_parts):
    @register("stiff")
    class Stiff(find("prior", "mixture")):
        """Stiff.

        Args:
            size: dimensions.
            stiffness, other: two of a kind, in
                two lines.
        """

        def __init__(self, size: Given[int], num_components: int = 2, stiffness: float = 1.0, other: float = 1.0) -> None:
            super().__init__(size, num_components)
            self.stiffness, self.other = stiffness, other

    assert issubclass(Stiff, Prior)
    texts = {one.name: one.text for one in describe(Stiff).settings}
    both = "two of a kind, in two lines."
    assert texts == {"num_components": "normals in the mixture.", "stiffness": both, "other": both}


@pytest.mark.parametrize("name", list(all_parts()))
def test_defaults_of_the_package_s_own_parts_are_of_their_own_types(name):
    check_defaults(all_parts()[name])
