"""Prompts rendered by a program: once for each text, and never over a person's recording."""

import shlex
import struct
import sys
from pathlib import Path

import pytest

from channels.voice.prompts.rendering import NOTES, Listed, Program, PromptFolder, Standing, render
from channels.voice.prompts.texts import Texts, read_texts
from channels.voice.wav import UnusableWav, line_wav, read_wav
from gateway.config import ConfigError

# Speaks by writing a tone of 24,000 Hz as long as the text.
ENGINE = """
import math, struct, sys, wave
text = sys.stdin.read()
with wave.open(sys.argv[1], "wb") as out:
    out.setnchannels(1); out.setsampwidth(2); out.setframerate(24000)
    tone = [int(9000 * math.sin(n / 8)) for n in range(2400 * len(text))]
    out.writeframes(struct.pack(f"<{len(tone)}h", *tone))
"""
NOTHING_SHIPPED = Texts()


@pytest.fixture
def engine(tmp_path: Path) -> Program:
    program = tmp_path / "speak.py"
    program.write_text(ENGINE)
    return Program(f"{shlex.quote(sys.executable)} {shlex.quote(str(program))} {{file}}")


def folder(place: Path, shipped: Texts = NOTHING_SHIPPED, **zh: str) -> PromptFolder:
    texts = Texts(voices={"zh": "anna"}, texts={"zh": zh})
    return PromptFolder(place, texts, shipped=shipped)


def standings(prompts: PromptFolder) -> dict[str, Standing]:
    return {one.name: one.standing for one in prompts.listed()}


def todo(prompts: PromptFolder) -> list[Listed]:
    return [one for one in prompts.listed() if one.standing is not Standing.RECORDED]


def test_a_missing_prompt_is_rendered_as_a_line_carries_it(tmp_path: Path, engine: Program) -> None:
    prompts = folder(tmp_path, hello="你好啊", bye="再见")
    assert standings(prompts) == {"hello": Standing.MISSING, "bye": Standing.MISSING}
    lengths = {one.name: seconds for one, seconds in render(prompts, todo(prompts), engine.speak)}
    assert lengths["hello"] == pytest.approx(0.3, abs=0.1)
    assert standings(folder(tmp_path, hello="你好啊", bye="再见")) == {
        "hello": Standing.RENDERED,
        "bye": Standing.RENDERED,
    }
    pcm = read_wav((tmp_path / "zh" / "hello.wav").read_bytes())
    peak = max(abs(sample) for (sample,) in struct.iter_unpack("<h", pcm))
    assert 0.6 * 32768 < peak < 0.8 * 32768


def test_a_changed_text_makes_a_rendered_prompt_outdated(tmp_path: Path, engine: Program) -> None:
    prompts = folder(tmp_path, hello="你好")
    list(render(prompts, todo(prompts), engine.speak))
    assert standings(folder(tmp_path, hello="您好")) == {"hello": Standing.OUTDATED}


def test_a_persons_recording_is_known_by_not_being_ours(tmp_path: Path, engine: Program) -> None:
    prompts = folder(tmp_path, hello="你好")
    list(render(prompts, todo(prompts), engine.speak))
    (tmp_path / "zh" / "hello.wav").write_bytes(b"RIFF, read by a citizen")
    assert standings(folder(tmp_path, hello="您好")) == {"hello": Standing.RECORDED}


def test_what_the_gateway_brings_need_not_be_rendered_for_a_city(tmp_path: Path) -> None:
    shipped = read_texts()
    thanks = shipped.texts["zh"]["thanks"]
    assert standings(folder(tmp_path, shipped, thanks=thanks)) == {"thanks": Standing.SHIPPED}
    assert standings(folder(tmp_path, shipped, thanks="多谢")) == {"thanks": Standing.MISSING}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("/no/such/program {file}", "cannot be run"),
        (f"{sys.executable} -c 'import sys; sys.exit(3)' {{file}}", "ended with status 3"),
        (f"{sys.executable} -c 'import sys; print(1, file=sys.stderr)'", "wrote no file: 1"),
    ],
)
def test_a_program_that_fails_is_named_with_the_cure(command: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Program(command).speak("你好", language="zh", voice="")


def test_a_silent_file_is_refused(tmp_path: Path) -> None:
    prompts = folder(tmp_path, hello="你好")
    header = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
    silent = header + b"data" + struct.pack("<I", 1600) + bytes(1600)
    with pytest.raises(UnusableWav, match="silent"):
        line_wav(silent)
    with pytest.raises(ConfigError, match="zh/hello is silent"):
        list(render(prompts, todo(prompts), lambda *_, **__: silent))


def test_a_damaged_note_stops_before_anything_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / NOTES).write_text("{")
    with pytest.raises(ConfigError, match=r"rendered\.json cannot be read"):
        folder(tmp_path, hello="你好")


def test_words_in_another_language_are_spoken_by_its_voice(tmp_path: Path, engine: Program) -> None:
    texts = Texts(
        voices={"zh": "anna", "en": "bob"},
        texts={"zh": {"other": "For English, press 8."}, "en": {"other": "普通话请按8。"}},
    )
    prompts = PromptFolder(tmp_path, texts, shipped=NOTHING_SHIPPED)
    heard = []

    def speak(text: str, *, language: str, voice: str) -> bytes:
        heard.append((text, language, voice))
        return engine.speak(text, language=language, voice=voice)

    list(render(prompts, todo(prompts), speak))
    assert heard == [("普通话请按8。", "zh", "anna"), ("For English, press 8.", "en", "bob")]
