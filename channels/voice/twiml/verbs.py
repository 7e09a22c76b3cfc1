"""Renders a step of a flow as TwiML, for a provider that asks and records in our place.

What a step says is played from our own recordings; ``go_on`` is the address its answer is brought
to. A verb that some provider does not know is never written for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from twilio.twiml.voice_response import Dial, Gather, Start, VoiceResponse

from channels.voice.config import TargetSettings
from channels.voice.ivr.steps import Connect, Keys, Part, Prompt, Statement, Step, Wait
from channels.voice.twiml.profile import Profile
from channels.voice.twiml.prompt_files import PromptFiles
from channels.voice.twiml.queue_words import ways_out

QUEUE = "queue:"
"""How an address begins that is a queue at the provider."""

# https://www.twilio.com/docs/voice/twiml/gather#languagetags
_SPOKEN = {"zh": "cmn-Hans-CN", "en": "en-US"}
_HINTS = 100
_HINT_CHARS = 90
# A caller who hears the parts of a statement may ask for a person at once.
_SKIP_WITHIN_S = 1
_SHORTEST_RING_S = 5
_OFFER_S = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbs:
    """The verbs of one account; ``hears`` tells whether spoken choices are understood."""

    profile: Profile
    files: PromptFiles
    hears: bool

    def say(self, into: VoiceResponse | Gather, parts: Sequence[Part], language: str) -> None:
        """Play parts in a row."""
        for address in self.files.addresses(parts, language):
            into.play(address)

    def keys(self, response: VoiceResponse, step: Step, ask: Keys, go_on: str) -> None:
        """Collect keys, or a spoken choice."""
        if ask.first_s <= 0:
            self.say(response, step.parts, step.language)
            response.redirect(go_on, method="POST")
            return
        if not step.interruptible:
            self.say(response, step.parts, step.language)
        single = ask.at_most <= 1
        gather = Gather(
            action=go_on,
            method="POST",
            num_digits=1 if single else ask.at_most,
            # One time for the first key and for the next: the longer one loses no caller.
            timeout=ceil(ask.first_s if single else max(ask.first_s, ask.between_s)),
            # Otherwise the key that finishes could not be an answer by itself.
            finish_on_key="" if single else ask.finish_on,
            action_on_empty_result=True,
            **self._speech(ask, step.language),
        )
        if step.interruptible:
            self.say(gather, step.parts, step.language)
        response.append(gather)
        # For a provider that goes on where nothing was entered, whatever was asked of it.
        response.redirect(go_on, method="POST")

    def _speech(self, ask: Keys, language: str) -> dict[str, object]:
        if not self.hears or not (ask.words or ask.spoken):
            return {"input": "dtmf"}
        hints = [phrase.replace(",", " ")[:_HINT_CHARS] for phrase in ask.words][:_HINTS]
        return {
            "input": "dtmf speech",
            "language": _SPOKEN.get(language, language),
            "hints": ", ".join(hints) or None,
            "speech_timeout": "auto",
            "barge_in": ask.barge_in,
        }

    def statement(
        self,
        response: VoiceResponse,
        step: Step,
        ask: Statement,
        *,
        go_on: str,
        skipped: str,
        told: str,
    ) -> None:
        """Record the caller's own words.

        ``skipped`` is where a key goes that is pressed while the parts still play, ``told`` where
        the news of the finished recording does.
        """
        if step.parts and step.interruptible and ask.single:
            skip = Gather(
                input="dtmf", action=skipped, method="POST", num_digits=1, timeout=_SKIP_WITHIN_S,
                finish_on_key="",
            )  # fmt: skip
            self.say(skip, step.parts, step.language)
            response.append(skip)
        else:
            self.say(response, step.parts, step.language)
        response.record(
            action=go_on,
            method="POST",
            timeout=ceil(ask.silence_s),
            max_length=ceil(ask.limit_s),
            finish_on_key="".join(sorted(ask.end_keys | ask.single)),
            play_beep=True,
            trim="do-not-trim",
            recording_status_callback=told,
            recording_status_callback_method="POST",
            recording_status_callback_event="completed absent",
        )
        # Reached only when nothing was recorded; <Record> goes to its action otherwise.
        response.redirect(go_on, method="POST")

    def connect(
        self,
        response: VoiceResponse,
        step: Step,
        ask: Connect,
        target: TargetSettings,
        *,
        go_on: str,
        whisper: str,
        overheard: Start | None,
    ) -> None:
        """Ring somebody; ``overheard`` lets us listen meanwhile."""
        self.say(response, (*step.parts, Prompt(name=ask.hold)), step.language)
        if overheard is not None:
            response.append(overheard)
        response.append(self._dial(target, ask.timeout_s, go_on, whisper if ask.announce else ""))

    def enqueue(
        self, response: VoiceResponse, step: Step, name: str, *, go_on: str, wait: str
    ) -> None:
        """Let the caller wait in a queue of the provider."""
        self.say(response, step.parts, step.language)
        response.enqueue(name, action=go_on, method="POST", wait_url=wait, wait_url_method="POST")

    def waiting(
        self,
        response: VoiceResponse,
        parts: Sequence[Part],
        language: str,
        *,
        key: str,
        every_s: float,
    ) -> None:
        """Say where a caller stands who waits in a queue, and take a key (at ``key``)."""
        gather = Gather(
            input="dtmf", action=key, method="POST", num_digits=1, timeout=ceil(every_s),
            finish_on_key="",
        )  # fmt: skip
        self.say(gather, parts, language)
        response.append(gather)

    def ring(
        self,
        response: VoiceResponse,
        ask: Wait,
        target: TargetSettings,
        *,
        go_on: str,
        whisper: str,
        left_s: float,
        overheard: Start | None,
    ) -> None:
        """Ring the people a caller waits for, once."""
        if overheard is not None:
            response.append(overheard)
        ring_s = min(target.ring_for, left_s)
        response.append(self._dial(target, ring_s, go_on, whisper if ask.announce else ""))

    def offer(self, response: VoiceResponse, ask: Wait, language: str, *, go_on: str) -> None:
        """Between two rings: say what may be done instead of waiting, and take a key."""
        gather = Gather(
            input="dtmf", action=go_on, method="POST", num_digits=1, timeout=_OFFER_S,
            finish_on_key="",
        )  # fmt: skip
        self.say(gather, ways_out(ask), language)
        response.append(gather)
        response.redirect(go_on, method="POST")

    def _dial(self, target: TargetSettings, ring_s: float, go_on: str, whisper: str) -> Dial:
        dial = Dial(
            action=go_on,
            method="POST",
            timeout=max(ceil(ring_s), _SHORTEST_RING_S),
            answer_on_bridge=True,
            sequential=True if target.order == "in_turn" else None,
        )
        for address in target.ring:
            extra = {"url": whisper} if whisper and self.profile.whispers else {}
            if address.startswith(QUEUE):
                continue
            if address.startswith(("sip:", "sips:")):
                dial.sip(address, **extra)
            else:
                dial.number(address, **extra)
        return dial


def queue_of(target: TargetSettings) -> str | None:
    """Return the provider's queue that stands for a target."""
    names = [one.removeprefix(QUEUE) for one in target.ring if one.startswith(QUEUE)]
    return names[0] if names else None


def can_ring(target: TargetSettings | None) -> bool:
    """Tell whether there is anybody to ring."""
    return target is not None and any(not one.startswith(QUEUE) for one in target.ring)
