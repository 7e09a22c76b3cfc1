"""The prompts of an account over HTTP: only what callers hear, and never a number."""

from pathlib import Path

import pytest
from multidict import CIMultiDict

from channels.voice import prompts
from channels.voice.ivr.steps import Digits, Part, Prompt, Quantity
from channels.voice.twiml.prompt_files import PromptFiles
from channels.voice.wav import read_wav
from gateway.channel import HttpReply, RawRequest

MOUNT = "https://hotline.example/channels/voice/demo"


@pytest.fixture(scope="module")
def files() -> PromptFiles:
    names = (*prompts.NAMES, *prompts.QUANTITIES)
    shipped = prompts.load(None, "zh", "en", names=names)
    return PromptFiles(lambda: shipped, MOUNT)


async def asked(files: PromptFiles, path: str, **headers: str) -> HttpReply:
    given = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return await files.show(
        RawRequest(method="GET", url=MOUNT + path, path=path, headers=given, body=b"")
    )


async def test_a_prompt_is_a_wav_file_that_may_be_kept(files: PromptFiles) -> None:
    reply = await asked(files, "/prompts/zh/greeting.wav")
    assert (reply.status, reply.content_type) == (200, "audio/wav")
    shipped = (prompts.SHIPPED / "zh" / "greeting.wav").read_bytes()
    assert read_wav(reply.body) == read_wav(shipped)
    assert "max-age" in reply.headers["Cache-Control"]
    again = await asked(files, "/prompts/zh/greeting.wav", If_None_Match=reply.headers["ETag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/prompts/zh/secret.wav",
        "/prompts/fr/greeting.wav",
        "/prompts/zh/../../etc/passwd",
        "/prompts/zh/greeting.mp3",
        "/prompts//.wav",
        "/prompts/zh/" + "a" * 500 + ".wav",
    ],
)
async def test_nothing_else_is_there(files: PromptFiles, path: str) -> None:
    assert (await asked(files, path)).status == 404


def test_numbers_are_put_together_from_recordings_everybody_hears(files: PromptFiles) -> None:
    parts: list[Part] = [Prompt(name="thanks"), Digits(digits="2611210"), Quantity(value=21)]
    addresses = files.addresses(parts, "en")
    names = [one.removeprefix(MOUNT + "/prompts/en/").partition(".")[0] for one in addresses]
    spelled = ["digit_2", "digit_6", "digit_1", "pause", "digit_1", "digit_2", "digit_1", "digit_0"]
    assert names == ["thanks", *spelled, "number_20", "number_1"]
    assert all("2611210" not in one for one in addresses)


def test_what_was_never_recorded_is_left_out(files: PromptFiles) -> None:
    parts = [Prompt(name="never_recorded"), Prompt(name="thanks")]
    assert [Path(one).name.partition(".")[0] for one in files.addresses(parts, "zh")] == ["thanks"]


async def test_another_recording_has_another_address(tmp_path: Path) -> None:
    own = tmp_path / "zh" / "thanks.wav"
    own.parent.mkdir()
    now = prompts.load(None, "zh")
    files = PromptFiles(lambda: now, MOUNT)
    before = files.addresses([Prompt(name="thanks")], "zh")
    own.write_bytes((prompts.SHIPPED / "zh" / "once_more.wav").read_bytes())
    now = prompts.load(tmp_path, "zh")
    assert files.addresses([Prompt(name="thanks")], "zh") != before
