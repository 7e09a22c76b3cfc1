"""The recogniser of this process: a model, a city's own server, or the reason why there is none."""

import asyncio
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from gateway.channel.speech import Unavailable
from gateway.config import Config
from gateway.speech.lexicon import Lexicon
from gateway.telemetry.notes import Notes
from gateway.telemetry.speech import SpeechMeter

if TYPE_CHECKING:  # signal processing is loaded only where a channel carries voice
    from gateway.speech.session import GatedRecogniser


async def recogniser_of(
    config: Config, lexicon: Lexicon, note: Notes, registry: CollectorRegistry
) -> "GatedRecogniser | Unavailable":
    """Load the speech model when a channel carries voice; without one, calls are still recorded."""
    if not any(one.kind == "voice" for one in config.channels):
        return Unavailable(reason="no channel carries voice", cure="configure a voice account")
    from gateway.speech.loading import connect_recogniser, load_recogniser

    if config.speech.server is not None:
        return await asyncio.to_thread(
            connect_recogniser,
            config.speech.server,
            language=config.speech.language,
            workers=config.speech.workers,
            lexicon=lexicon,
            partials=config.speech.partials,
            watch=SpeechMeter.of(note, registry),
        )
    speech = await asyncio.to_thread(
        load_recogniser,
        config.speech.model,
        workers=config.speech.workers,
        lexicon=lexicon,
        isolated=config.speech.isolation == "process",
        partials=config.speech.partials,
        watch=SpeechMeter.of(note, registry),
    )
    if isinstance(speech, Unavailable):
        note.warning("speech.unavailable", why=speech.reason, cure=speech.cure)
    return speech
