"""Makes the recordings that have a text but no voice yet, once, when a city sets up its prompts.

The engine is any program of the city's choice; it is not part of the gateway. What was rendered is
noted beside the recordings with a hash of its text and voice and one of the file: a prompt whose
text has changed is rendered again, and a file that is not as we left it is a person's recording,
which is never touched.
"""

import json
import shlex
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from channels.voice.prompts.recordings import SHIPPED
from channels.voice.prompts.texts import Texts
from channels.voice.wav import UnusableWav, line_wav, read_wav
from gateway.config import ConfigError

NOTES = "rendered.json"
_TIMEOUT_S = 120
_LARGEST = 16 * 1024 * 1024


class Standing(StrEnum):
    """What is known of a prompt's file."""

    RECORDED = "recorded"
    """A person's recording, or one whose origin nobody noted."""
    RENDERED = "rendered"
    OUTDATED = "outdated"
    """Rendered from another text or voice."""
    SHIPPED = "shipped"
    """Not in the city's folder, and not needed there: the gateway brings it with these words."""
    MISSING = "missing"


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """How a file came about: hashes of what was asked for, and of the file that came of it."""

    wanted: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One prompt of a language, its words and the standing of its file."""

    language: str
    name: str
    text: str
    path: Path
    standing: Standing


class PromptFolder:
    """One folder of recordings and the note of what was rendered into it."""

    def __init__(self, folder: Path, texts: Texts, *, shipped: Texts) -> None:
        self._folder = folder
        self._texts = texts
        self._shipped = shipped
        self._notes = _read_notes(folder / NOTES)

    def listed(
        self, *, languages: Collection[str] = (), names: Collection[str] = ()
    ) -> Iterator[Listed]:
        """Yield every prompt that has a text, or those of some ``languages`` and ``names``."""
        for language, texts in sorted(self._texts.texts.items()):
            for name, text in texts.items():
                if (languages and language not in languages) or (names and name not in names):
                    continue
                path = self._folder / language / f"{name}.wav"
                yield Listed(
                    language=language,
                    name=name,
                    text=text,
                    path=path,
                    standing=self._standing(path, language, name, text),
                )

    def keep(self, one: Listed, audio: bytes) -> float:
        """Store what the engine made of a prompt, as µ-law; return its length in seconds."""
        content = line_wav(audio)
        one.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = one.path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.replace(one.path)
        self._notes[f"{one.language}/{one.name}"] = Rendered(
            wanted=self._wanted(one.language, one.text), file=sha256(content).hexdigest()
        )
        ordered = dict(sorted(self._notes.items()))
        notes = msgspec.json.format(msgspec.json.encode(ordered), indent=1)
        (self._folder / NOTES).write_bytes(notes + b"\n")
        return len(read_wav(content)) / 16000

    def voice(self, language: str) -> str:
        """Return the voice of a language, empty when the list names none."""
        return self._texts.voices.get(language, "")

    def spoken_in(self, one: Listed) -> str:
        """Return the language a prompt's words are in: callers are told of another one in it."""
        chinese = any("一" <= letter <= "鿿" for letter in one.text)
        if one.language == "zh" and not chinese and "en" in self._texts.voices:
            return "en"
        if one.language == "en" and chinese and "zh" in self._texts.voices:
            return "zh"
        return one.language

    def _wanted(self, language: str, text: str) -> str:
        return sha256(json.dumps([text, language, self.voice(language)]).encode()).hexdigest()

    def _standing(self, path: Path, language: str, name: str, text: str) -> Standing:
        if not path.exists():
            brought = self._shipped.texts.get(language, {}).get(name) == text
            here = brought and (SHIPPED / language / f"{name}.wav").exists()
            return Standing.SHIPPED if here else Standing.MISSING
        note = self._notes.get(f"{language}/{name}")
        if note is None or note.file != sha256(path.read_bytes()).hexdigest():
            return Standing.RECORDED
        wanted = self._wanted(language, text)
        return Standing.RENDERED if note.wanted == wanted else Standing.OUTDATED


@dataclass(frozen=True, slots=True)
class Program:
    """A text-to-speech program: reads the text from its standard input and writes a WAV file.

    ``command`` is split like a shell's line; ``{file}``, ``{voice}`` and ``{language}`` stand for
    the file to write, the voice and the language.
    """

    command: str

    def speak(self, text: str, *, language: str, voice: str) -> bytes:
        """Return the WAV file the program made; raises ``ConfigError`` saying what went wrong."""
        with TemporaryDirectory(prefix="prompt-") as folder:
            file = Path(folder) / "prompt.wav"
            values = {"file": str(file), "voice": voice, "language": language}
            said = _ran([_filled(word, values) for word in shlex.split(self.command)], text)
            if not file.is_file():
                raise ConfigError(
                    f"the speech program wrote no file{said}",
                    "it must write the WAV file named by {file} in --engine",
                )
            with file.open("rb") as audio:
                return audio.read(_LARGEST)


def render(
    prompts: PromptFolder,
    wanted: Collection[Listed],
    speak: Callable[..., bytes],
) -> Iterator[tuple[Listed, float]]:
    """Render prompts one by one; yield each with its length in seconds."""
    for one in wanted:
        language = prompts.spoken_in(one)
        audio = speak(one.text, language=language, voice=prompts.voice(language))
        try:
            yield one, prompts.keep(one, audio)
        except UnusableWav as bad:
            raise ConfigError(
                f"the speech program's file for {one.language}/{one.name} is {bad.message}",
                bad.cure,
            ) from None


def _ran(command: list[str], text: str) -> str:
    try:
        ran = subprocess.run(  # noqa: S603 - the administrator's own command, without a shell
            command, input=text.encode(), capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except OSError as error:
        raise ConfigError(
            f"the speech program {command[0]!r} cannot be run: {error.strerror}",
            "install it, or give its whole path in --engine",
        ) from None
    except subprocess.TimeoutExpired:
        raise ConfigError(
            f"the speech program took longer than {_TIMEOUT_S} s for one prompt",
            "try it by hand with a short text",
        ) from None
    last = ran.stderr.decode(errors="replace").strip().splitlines()[-1:]
    said = f": {last[0]}" if last else ""
    if ran.returncode:
        raise ConfigError(
            f"the speech program ended with status {ran.returncode}{said}",
            "try it by hand with a short text",
        )
    return said


def _filled(word: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        word = word.replace("{" + name + "}", value)
    return word


def _read_notes(path: Path) -> dict[str, Rendered]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Rendered])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}",
            "restore it; without it every recording counts as a person's and is kept",
        ) from None
