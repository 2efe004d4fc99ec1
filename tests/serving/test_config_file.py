"""A configuration file that is edited while it is served: load, then label; what happens again is said once."""

import asyncio
import json
import time

import pytest
from test_manager import FAST, Fake, versions_in

from vae_tf.files import write_text
from vae_tf.serving import ServingError
from vae_tf.serving.manager import ModelManager
from vae_tf.serving.model_config import ModelConfig, read_model_config, to_text


def watch_file(folder, texts, caplog, seconds=20.0):
    """Write texts to the file that a manager of fake models watches, each when what belongs to the one before is true."""
    file = folder / "models.config"

    async def run():
        write_text(file, texts[0][0])
        manager = ModelManager(read_model_config(file), FAST, file, load=Fake)
        await manager.start()
        task = asyncio.create_task(manager.watch())
        for text, is_done in texts:
            write_text(file, text)
            deadline = time.monotonic() + seconds
            while not is_done(manager):
                assert time.monotonic() < deadline, caplog.messages
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)  # a few looks more
            assert is_done(manager)
        task.cancel()
        await manager.close()

    with caplog.at_level("INFO", "vae_tf.serving"):
        asyncio.run(run())
    return [json.loads(message)["event"] for message in caplog.messages if message.startswith("{")]


def labelled(label, number, name="m"):
    def is_done(manager):
        try:
            with manager.use(name, label=label) as version:
                return version.number == number
        except ServingError:
            return False

    return is_done


@pytest.mark.parametrize("num_latest", [1, 2, None])
@pytest.mark.parametrize("specific", [False, True])
def test_versions_and_their_labels_may_come_in_one_edit(tmp_path, caplog, num_latest, specific):
    versions_in(tmp_path / "m", 1, 5)
    versions_in(tmp_path / "n", 3)

    def text(number, *more):
        policy = {"specific": (number,)} if specific else {"num_latest": num_latest}
        base = ModelConfig("m", tmp_path / "m", labels={"canary": number, "stable": number}, **policy)
        return to_text([base, *more])

    other = ModelConfig("n", tmp_path / "n", labels={"canary": 3})
    first = 1 if specific else 5
    events = watch_file(
        tmp_path,
        [
            (text(first), labelled("canary", first)),
            (text(5, other), labelled("canary", 5)),
            (text(5, other), labelled("canary", 3, "n")),
        ],
        caplog,
    )
    assert "bad configuration" not in events
    assert events.count("labels wait") <= 1


def test_a_label_stays_where_it_was_until_its_version_is_there(tmp_path, caplog):
    versions_in(tmp_path / "m", 1)
    text = [to_text([ModelConfig("m", tmp_path / "m", None, labels={"canary": number})]) for number in (1, 7)]
    events = watch_file(tmp_path, [(text[0], labelled("canary", 1)), (text[1], labelled("canary", 1))], caplog)
    assert events.count("labels wait") == 1
    versions_in(tmp_path / "m", 7)
    watch_file(tmp_path, [(text[1], labelled("canary", 7))], caplog)


def test_a_message_that_repeats_is_said_once_until_it_is_another(tmp_path, caplog):
    versions_in(tmp_path / "m", 1)
    good, bad = to_text([ModelConfig("m", tmp_path / "m", labels={"a": 1})]), "nonsense {"

    def said(count):
        return lambda _: sum("bad configuration" in message for message in caplog.messages) == count

    steps = [(good, labelled("a", 1)), (bad, said(1)), (good, labelled("a", 1)), (bad, said(2)), ("other }", said(3))]
    assert watch_file(tmp_path, steps, caplog).count("bad configuration") == 3
