"""How files are read for a servable: told as text, understood by who asks."""

import numpy as np
import pytest

from vae_tf.data.file_reading import USUAL, FileReading
from vae_tf.data.reading import AS_BEFORE, Reading
from vae_tf.data.row_files import rows_of_file
from vae_tf.data.spec import DatasetSpec
from vae_tf.errors import UserValueError

SPEC = DatasetSpec(name="toy", event_shape=(2, 2, 1), value_support="unit", label_names=("3", "cat", "5"))


@pytest.mark.parametrize(("turn", "profile"), [(True, "srgb"), (False, "ignore")])
def test_what_is_told_is_understood(turn, profile):
    reading = Reading(fit="pad", alpha="drop", background="red", turn=turn, profile=profile)
    found = FileReading.of(SPEC.model_copy(update={"reading": reading}).model_dump())
    assert (found.turn, found.profile, found.label_names) == (turn, profile, SPEC.label_names)
    assert FileReading.told(found.text()) == found
    assert FileReading.told(found.text()[:-1] + ', "newer": 1}') == found
    with pytest.raises(UserValueError, match="in JSON how files are read"):
        FileReading.told("[1]")


def test_pictures_of_old_runs_are_read_as_ever():
    found = FileReading.of(SPEC.model_dump())
    assert (found.turn, found.profile) == (AS_BEFORE.turn, AS_BEFORE.profile)


def test_labels_are_names_or_their_numbers():
    reading = FileReading.of(SPEC.model_dump())
    given = ["cat", b"5", "3", 5, 3.0, np.float32(1), 2, True, "", None, -1]
    assert reading.labels(given).tolist() == [1, 2, 0, 2, 0, 1, 2, 1, -1, -1, -1]
    with pytest.raises(UserValueError, match=r"one of 3, cat, 5, or its number\. Received: 'dog'"):
        reading.labels(["dog"])
    with pytest.raises(UserValueError, match=r"Received: '1\.5'"):
        reading.labels([1.5])


@pytest.mark.parametrize(("form", "length"), [("none", 2), ("NFC", 1)])
def test_texts_keep_the_form_of_the_model(form, length, tmp_path):
    reading = FileReading(normalization=form, line_ends="any", text_field="b")
    (tmp_path / "a.txt").write_text("e\u0301\x0cz\n", "utf-8")
    texts = [row["text"] for row in rows_of_file(tmp_path / "a.txt", reading)]
    assert [len(text) for text in texts] == [length, 1]
    assert reading.string("e\u0301") == texts[0].encode()
    (tmp_path / "a.jsonl").write_text('{"a": "x", "b": "y"}\n', "utf-8")
    assert [row["text"] for row in rows_of_file(tmp_path / "a.jsonl", reading)] == ["y"]
    with pytest.raises(UserValueError, match="text_field"):
        list(rows_of_file(tmp_path / "a.jsonl", USUAL))
